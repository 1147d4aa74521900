"""ViT: every head, positions interpolated to another size, no biases, oblong patches."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


def masked(inputs: Inputs) -> Inputs:
    return {"bool_masked_pos": torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]]).bool()}


CASE = Case(
    config_class="ViTConfig",
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
        "ViTModel": Head(images),
        "ViTForImageClassification": Head(lambda: {**images(24, 40), "interpolate_pos_encoding": True}, class_labels(3)),
        "ViTForMaskedImageModeling": Head(images, masked),
    },
    variants={
        "no_bias": {"qkv_bias": False, "hidden_act": "gelu_pytorch_tanh"},
        "pooler": {"pooler_output_size": 20, "pooler_act": "relu"},
    },
)
