"""PVTv2: every head, stages whose attention sees a coarser grid or means, oblong images of odd sizes."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 32, width: int = 32) -> Inputs:
    return {"pixel_values": torch.randn(2, 3, height, width)}


def odd() -> Inputs:
    return images(41, 57)


CASE = Case(
    config_class="PvtV2Config",
    config={
        "hidden_sizes": [8, 16],
        "num_encoder_blocks": 2,
        "depths": [1, 2],
        "num_attention_heads": [1, 2],
        "sr_ratios": [2, 1],
        "mlp_ratios": [2, 3],
        "patch_sizes": [7, 3],
        "strides": [4, 2],
        "image_size": 32,
        "drop_path_rate": 0.4,
        "num_labels": 3,
    },
    heads={
        "PvtV2ForImageClassification": Head(odd, class_labels(3)),
        "PvtV2Model": Head(images, config={"linear_attention": True}),
        "PvtV2Backbone": Head(odd, config={"out_indices": [0, 1]}),
    },
    variants={"linear": {"linear_attention": True, "qkv_bias": False, "hidden_act": "relu"}},
)
