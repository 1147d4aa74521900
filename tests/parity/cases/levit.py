"""LeViT: every head, grids of odd sides, blocks without MLPs."""

from typing import Any

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 48, 48)}


def keeps_no_biases(reference: Any) -> None:
    """Let the published model compute biases anew in each call: those that it keeps have gradients and cannot be copied."""
    for module in reference.modules():
        if hasattr(module, "attention_bias_cache"):
            module.register_forward_hook(lambda module, args, output: module.attention_bias_cache.clear())


CASE = Case(
    config_class="LevitConfig",
    config={
        "image_size": 48,
        "hidden_sizes": [16, 24, 32],
        "num_attention_heads": [2, 3, 4],
        "depths": [1, 2, 1],
        "key_dim": [4, 4, 4],
        "num_labels": 3,
    },
    heads={
        "LevitForImageClassification": Head(images, class_labels(3)),
        "LevitModel": Head(images),
        "LevitForImageClassificationWithTeacher": Head(images),
    },
    variants={"wide": {"attention_ratio": [1, 3, 2], "mlp_ratio": [3, 2, 1], "key_dim": [8, 4, 8]}},
    prepare=keeps_no_biases,
)
