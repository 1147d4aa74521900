"""ViViT: every head, oblong tubes."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def films() -> Inputs:
    return {"pixel_values": torch.randn(3, 4, 3, 16, 16)}


CASE = Case(
    config_class="VivitConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 16,
        "num_frames": 4,
        "tubelet_size": [2, 8, 8],
        "hidden_act": "gelu",
        "num_labels": 3,
    },
    heads={"VivitForVideoClassification": Head(films, class_labels(3)), "VivitModel": Head(films)},
    variants={
        "no_bias": {"qkv_bias": False, "hidden_act": "gelu_fast", "tubelet_size": [1, 8, 4], "layer_norm_eps": 1e-3},
        "pooler": {"pooler_output_size": 20, "pooler_act": "relu"},
    },
)
