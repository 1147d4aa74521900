"""RT-DETR: more maps than the encoder has, learned states of queries, costs of two kinds, its own backbone in both forms."""

from kit.families import Case, Head
from kit.pictured_objects import QUERYING, RESNET_D, objects, small_images

CASE = Case(
    config_class="RTDetrConfig",
    config={**QUERYING, "backbone_config": RESNET_D},
    heads={
        "RTDetrForObjectDetection": Head(small_images, objects),
        "RTDetrModel": Head(small_images),
        "RTDetrResNetBackbone": Head(
            small_images,
            config={
                **{name: value for name, value in RESNET_D.items() if name not in ("model_type", "layer_type")},
                "depths": [2, 1, 1, 1],
                "out_features": ["stem", "stage1", "stage3"],
            },
            config_class="RTDetrResNetConfig",
        ),
    },
    variants={
        "more maps": {"num_feature_levels": 4, "encode_proj_layers": [1, 2], "encoder_layers": 2, "hidden_expansion": 0.5},
        "learned": {"normalize_before": True, "auxiliary_loss": False, "num_denoising": 0},
        "costs": {
            "use_focal_loss": False,
            "weight_loss_vfl": 2.0,
            "focal_loss_alpha": 0.6,
            "layer_norm_eps": 1e-3,
            "batch_norm_eps": 1e-3,
            "positional_encoding_temperature": 500,
        },
        "trained norms": {"freeze_backbone_batch_norms": False, "matcher_alpha": 0.5, "matcher_gamma": 3.0, "eval_size": 64},
    },
)
