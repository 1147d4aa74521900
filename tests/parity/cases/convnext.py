"""ConvNeXt: every head, with and without scales, oblong images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 48, 72)}


CASE = Case(
    config_class="ConvNextConfig",
    config={
        "num_stages": 3,
        "hidden_sizes": [8, 12, 16],
        "depths": [1, 2, 1],
        "drop_path_rate": 0.5,
        "num_labels": 3,
        "layer_scale_init_value": 0.3,
    },
    heads={
        "ConvNextForImageClassification": Head(images, class_labels(3)),
        "ConvNextModel": Head(images),
        "ConvNextBackbone": Head(images, config={"out_features": ["stem", "stage1", "stage3"]}),
    },
    variants={"unscaled": {"layer_scale_init_value": 0.0, "hidden_act": "relu", "patch_size": 2}},
)
