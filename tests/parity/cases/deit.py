"""DeiT: every head, positions interpolated to another size."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


def wide() -> Inputs:
    return {**images(24, 40), "interpolate_pos_encoding": True}


def masked(inputs: Inputs) -> Inputs:
    return {"bool_masked_pos": torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]]).bool()}


CASE = Case(
    config_class="DeiTConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 16,
        "patch_size": 8,
        "encoder_stride": 8,
        "num_labels": 3,
    },
    heads={
        "DeiTForImageClassification": Head(images, class_labels(3)),
        "DeiTModel": Head(wide),
        "DeiTForImageClassificationWithTeacher": Head(wide),
        "DeiTForMaskedImageModeling": Head(images, masked),
    },
    variants={"no_bias": {"qkv_bias": False, "hidden_act": "relu", "pooler_output_size": 20}},
)
