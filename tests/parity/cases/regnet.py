"""RegNet: every head, both kinds of block, oblong images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 48, 72)}


CASE = Case(
    config_class="RegNetConfig",
    config={"embedding_size": 8, "hidden_sizes": [8, 16, 24], "depths": [1, 2, 1], "groups_width": 8, "num_labels": 3},
    heads={"RegNetForImageClassification": Head(images, class_labels(3)), "RegNetModel": Head(images)},
    variants={"plain": {"layer_type": "x", "hidden_act": "gelu", "downsample_in_first_stage": False, "groups_width": 4}},
)
