"""UperNet: a convolutional backbone and one of windows, places without a label, with and without the auxiliary head."""

import torch
from kit.families import Case, Head, Inputs
from kit.pictured_objects import FOUR_STAGES

SWIN = {
    "model_type": "swin",
    "embed_dim": 8,
    "depths": [1, 1, 1],
    "num_heads": [2, 2, 4],
    "window_size": 3,
    "drop_path_rate": 0.0,
    "out_features": ["stage1", "stage2", "stage3"],
}


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 64, 96)}


def maps(inputs: Inputs) -> Inputs:
    """A class for each pixel; some do not count."""
    labels = torch.randint(0, 3, (2, 64, 96))
    labels[0, :10] = 255
    return {"labels": labels}


CASE = Case(
    config_class="UperNetConfig",
    config={
        "backbone_config": FOUR_STAGES,
        "hidden_size": 16,
        "pool_scales": [1, 2, 3],
        "auxiliary_channels": 8,
        "num_labels": 3,
    },
    heads={"UperNetForSemanticSegmentation": Head(images, maps)},
    variants={
        "swin": {"backbone_config": SWIN},
        "seen_again": {"auxiliary_num_convs": 2, "auxiliary_concat_input": True, "auxiliary_loss_weight": 0.7},
        "alone": {"use_auxiliary_head": False},
    },
)
