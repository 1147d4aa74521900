"""EoMT on DINOv3: masks in both images, compared at the same random points; gated MLPs, biases, places moved in training."""

from kit.families import Case, Head
from kit.pictured_masks import masks, square

CASE = Case(
    config_class="EomtDinov3Config",
    config={
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
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
        # Its wavelengths are numbers of bfloat16, to which the published model rounds them.
        "rope_parameters": {"rope_theta": 256.0, "rope_type": "default"},
    },
    heads={"EomtDinov3ForUniversalSegmentation": Head(square, masks)},
    draws=True,
    variants={
        "gated": {"use_gated_mlp": True, "pos_embed_shift": 0.3, "pos_embed_jitter": 1.5, "key_bias": True},
        "plain": {
            "hidden_act": "relu",
            "mlp_bias": False,
            "query_bias": False,
            "value_bias": False,
            "proj_bias": False,
            "pos_embed_rescale": None,
            "num_register_tokens": 0,
            "rope_parameters": {"rope_theta": 50.0, "rope_type": "default"},
        },
    },
)
