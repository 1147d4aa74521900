"""ResNet: every head, both kinds of block, halving in either place, oblong images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 48, 72)}


CASE = Case(
    config_class="ResNetConfig",
    config={"embedding_size": 8, "hidden_sizes": [8, 16, 24], "depths": [1, 2, 1], "num_labels": 3},
    heads={
        "ResNetForImageClassification": Head(images, class_labels(3)),
        "ResNetModel": Head(images),
        "ResNetBackbone": Head(images, config={"out_features": ["stem", "stage1", "stage3"]}),
    },
    variants={
        "basic": {"layer_type": "basic", "hidden_act": "gelu"},
        "early": {"downsample_in_first_stage": True, "downsample_in_bottleneck": True},
    },
)
