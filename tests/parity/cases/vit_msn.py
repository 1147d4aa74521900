"""ViT-MSN: both heads, positions interpolated to another size, masked patches."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


def wide() -> Inputs:
    return {**images(24, 40), "interpolate_pos_encoding": True}


CASE = Case(
    config_class="ViTMSNConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 16,
        "patch_size": 8,
        "num_labels": 3,
    },
    heads={"ViTMSNForImageClassification": Head(images, class_labels(3)), "ViTMSNModel": Head(wide)},
    variants={"no_bias": {"qkv_bias": False, "hidden_act": "relu"}},
)
