"""PoolFormer: every head, with and without scales, oblong images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 64, 96)}


CASE = Case(
    config_class="PoolFormerConfig",
    config={
        "hidden_sizes": [8, 12, 16, 20],
        "depths": [1, 2, 1, 1],
        "mlp_ratio": 2.0,
        "drop_path_rate": 0.5,
        "layer_scale_init_value": 0.3,
        "num_labels": 3,
    },
    heads={"PoolFormerForImageClassification": Head(images, class_labels(3)), "PoolFormerModel": Head(images)},
    variants={
        "unscaled": {"use_layer_scale": False, "hidden_act": "relu", "pool_size": 5},
        "three": {
            "num_encoder_blocks": 3,
            "hidden_sizes": [8, 12, 16],
            "depths": [1, 1, 1],
            "patch_sizes": [5, 3, 3],
            "strides": [4, 2, 1],
            "padding": [1, 1, 0],
        },
    },
)
