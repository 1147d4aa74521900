"""Pixio: the model and its backbone, images of any size, maps of several blocks."""

import torch
from kit.families import Case, Head, Inputs


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


def wide() -> Inputs:
    return images(24, 40)


CASE = Case(
    config_class="PixioConfig",
    config={
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "mlp_ratio": 2,
        "image_size": 16,
        "patch_size": 8,
        "n_cls_tokens": 3,
        "drop_path_rate": 0.4,
    },
    heads={"PixioModel": Head(images), "PixioBackbone": Head(wide, config={"out_indices": [0, 1, 2]})},
    variants={"no_bias": {"qkv_bias": False, "hidden_act": "relu"}},
)
