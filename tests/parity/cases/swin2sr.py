"""Swin2SR: every way of making the larger image, images of colours and of none, groups that end in three convolutions."""

from typing import Any

import torch
from kit.families import Case, Head, Inputs


def images() -> Inputs:
    return {"pixel_values": torch.rand(2, 3, 8, 16)}


def aside(**settings: Any) -> dict[str, Any]:
    return {"depths": [2], "num_heads": [2], **settings}


CASE = Case(
    config_class="Swin2SRConfig",
    config={
        "image_size": 16,
        "embed_dim": 8,
        "depths": [2, 3],
        "num_heads": [2, 4],
        "window_size": 4,
        "drop_path_rate": 0.4,
        "hidden_dropout_prob": 0.2,
    },
    heads={"Swin2SRForImageSuperResolution": Head(images), "Swin2SRModel": Head(images)},
    variants={
        "aux": aside(upsampler="pixelshuffle_aux", upscale=4, img_range=2.0),
        "three": aside(upsampler="pixelshuffle_aux", upscale=3, resi_connection="3conv", num_channels_out=1),
        "direct": aside(upsampler="pixelshuffledirect", upscale=3, hidden_act="relu", qkv_bias=False),
        "nearest": aside(upsampler="nearest+conv", upscale=4, mlp_ratio=1.5),
        "same": aside(upsampler="", img_range=255.0, window_size=8),
    },
)
