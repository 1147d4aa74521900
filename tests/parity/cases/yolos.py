"""YOLOS: images of another size than the trained one, objects in some of them, with and without positions between blocks."""

import torch
from kit.families import Case, Head, Inputs
from kit.pictured_objects import objects


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 40, 64)}


CASE = Case(
    config_class="YolosConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": [32, 48],
        "patch_size": 8,
        "num_detection_tokens": 5,
        "num_labels": 3,
    },
    heads={
        "YolosForObjectDetection": Head(images, objects, config={"bbox_cost": 3, "eos_coefficient": 0.3}),
        "YolosModel": Head(images),
    },
    variants={
        "no_mid": {"use_mid_position_embeddings": False, "qkv_bias": False, "hidden_act": "relu"},
        "trained_size": {"image_size": [40, 64]},
    },
)
