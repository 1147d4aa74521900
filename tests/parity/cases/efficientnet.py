"""EfficientNet: every head, both ways to pool and to pad, odd images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 45, 70)}


CASE = Case(
    config_class="EfficientNetConfig",
    config={
        "width_coefficient": 0.1,
        "depth_coefficient": 1.2,
        "depth_divisor": 4,
        "hidden_dim": 128,
        "kernel_sizes": [3, 5, 3],
        "in_channels": [32, 16, 40],
        "out_channels": [16, 40, 90],
        "strides": [1, 2, 1],
        "num_block_repeats": [1, 2, 1],
        "expand_ratios": [1, 3, 2],
        "drop_connect_rate": 0.6,
        "num_labels": 3,
    },
    heads={"EfficientNetForImageClassification": Head(images, class_labels(3)), "EfficientNetModel": Head(images)},
    variants={
        "max": {"pooling_type": "max", "hidden_act": "relu", "depthwise_padding": [1, 2], "squeeze_expansion_ratio": 0.5},
        "halving": {"strides": [2, 1, 2], "width_coefficient": 0.2, "hidden_dim": 256},
    },
)
