"""I-JEPA: every head, positions interpolated to another size."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


CASE = Case(
    config_class="IJepaConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 16,
        "patch_size": 8,
        "num_labels": 3,
    },
    heads={
        "IJepaForImageClassification": Head(images, class_labels(3)),
        "IJepaModel": Head(lambda: {**images(24, 40), "interpolate_pos_encoding": True}),
    },
    variants={"no_bias": {"qkv_bias": False, "hidden_act": "relu"}},
)
