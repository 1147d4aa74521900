"""Tiny configs and prompts for SAM and its relatives."""

from typing import Any

import torch

from .families import Inputs

VISION: dict[str, Any] = {
    "hidden_size": 8,
    "output_channels": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 4,
    "global_attn_indexes": [1],
    "window_size": 3,
    "mlp_dim": 24,
    "num_pos_feats": 4,
    "initializer_range": 0.02,
}
PROMPTS: dict[str, Any] = {"hidden_size": 8, "image_size": 32, "patch_size": 4, "mask_input_channels": 4}
DECODER: dict[str, Any] = {"hidden_size": 8, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 8}


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 32, 32)}


def points() -> Inputs:
    """Three masks of each image, two points each; one is no place, one is padding."""
    labels = torch.randint(0, 2, (2, 3, 2))
    labels[0, 1, 1], labels[1, 2, 1] = -1, -10
    return {**images(), "input_points": 32 * torch.rand(2, 3, 2, 2), "input_labels": labels}


def prepare(reference: torch.nn.Module) -> None:
    """Let its attention tell probabilities: which class does so is chosen when the model is built."""
    for part in reference.modules():
        if type(part).__name__.endswith("VisionSdpaAttention"):
            part.__class__ = type(part).__mro__[1]
