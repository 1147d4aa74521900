"""Swin: every head, oblong images that windows and patches do not fill, absolute positions, windows larger than maps."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 32, width: int = 32) -> Inputs:
    return {"pixel_values": torch.randn(2, 3, height, width)}


def odd() -> Inputs:
    return images(31, 50)


def masked(inputs: Inputs) -> Inputs:
    return {"bool_masked_pos": torch.rand(2, 256) < 0.4}


CASE = Case(
    config_class="SwinConfig",
    config={
        "embed_dim": 8,
        "depths": [2, 3],
        "num_heads": [2, 4],
        "image_size": 32,
        "patch_size": 2,
        "window_size": 3,
        "encoder_stride": 4,
        "drop_path_rate": 0.4,
        "num_labels": 3,
    },
    heads={
        "SwinForImageClassification": Head(odd, class_labels(3)),
        "SwinModel": Head(odd),
        "SwinForMaskedImageModeling": Head(images, masked),
        "SwinBackbone": Head(odd, config={"out_features": ["stem", "stage1", "stage2"], "window_size": 9}),
    },
    variants={
        "plain": {"qkv_bias": False, "hidden_act": "relu", "mlp_ratio": 2.0, "window_size": 4},
        "three": {"depths": [1, 2, 1], "num_heads": [1, 2, 4]},
    },
)
