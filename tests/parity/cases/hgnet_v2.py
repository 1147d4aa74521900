"""HGNet V2: every head, light blocks and others, trained scales, strides, oblong images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 37, 50)}


CASE = Case(
    config_class="HGNetV2Config",
    config={
        "embedding_size": 12,
        "depths": [1, 1, 1],
        "hidden_sizes": [8, 12, 16],
        "stem_channels": [3, 8, 12],
        "stage_in_channels": [12, 8, 12],
        "stage_mid_channels": [4, 6, 8],
        "stage_out_channels": [8, 12, 16],
        "stage_num_blocks": [1, 2, 1],
        "stage_downsample": [False, True, True],
        "stage_downsample_strides": [2, 2, 2],
        "stage_light_block": [False, True, True],
        "stage_kernel_size": [3, 5, 3],
        "stage_numb_of_layers": [2, 1, 2],
        "num_labels": 3,
    },
    heads={
        "HGNetV2ForImageClassification": Head(images, class_labels(3)),
        "HGNetV2Backbone": Head(images, config={"out_features": ["stem", "stage1", "stage3"]}),
    },
    variants={
        "affine": {"use_learnable_affine_block": True, "hidden_act": "gelu"},
        "strides": {"stage_downsample_strides": [2, [1, 2], 2], "stem_strides": [2, 1, 1, [2, 1], 1]},
    },
)
