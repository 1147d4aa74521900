"""EoMT: masks in both images, compared at the same random points, of every layer with queries."""

from kit.families import Case, Head
from kit.pictured_masks import masks, square

CASE = Case(
    config_class="EomtConfig",
    config={
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "mlp_ratio": 2,
        "image_size": 32,
        "patch_size": 8,
        "layerscale_value": 0.5,
        "drop_path_rate": 0.3,
        "num_blocks": 2,
        "num_queries": 4,
        "num_upscale_blocks": 1,
        "num_register_tokens": 2,
        "train_num_points": 40,
        "num_labels": 3,
    },
    heads={"EomtForUniversalSegmentation": Head(square, masks)},
    draws=True,
    variants={
        "gated": {"use_swiglu_ffn": True, "num_upscale_blocks": 2, "mask_weight": 3.0, "importance_sample_ratio": 1.0},
        "finer": {"patch_size": 4, "hidden_act": "relu", "class_weight": 0.5, "oversample_ratio": 2.0, "num_blocks": 1},
    },
)
