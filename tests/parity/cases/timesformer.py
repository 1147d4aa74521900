"""TimeSformer: every head and kind of attention, positions of a larger grid."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def films(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 3, height, width)}


CASE = Case(
    config_class="TimesformerConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 16,
        "patch_size": 8,
        "num_frames": 3,
        "num_labels": 3,
    },
    heads={
        "TimesformerForVideoClassification": Head(films, class_labels(3)),
        "TimesformerModel": Head(lambda: films(24, 32)),
    },
    variants={
        "joint": {"attention_type": "joint_space_time", "hidden_act": "relu", "qkv_bias": False},
    },
)
