"""DINOv3's ConvNeXt: both classes, oblong images."""

import torch
from kit.families import Case, Head, Inputs


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 48, 72)}


CASE = Case(
    config_class="DINOv3ConvNextConfig",
    config={"hidden_sizes": [8, 12, 16], "depths": [1, 2, 1], "drop_path_rate": 0.5, "layer_scale_init_value": 0.3},
    heads={
        "DINOv3ConvNextModel": Head(images),
        "DINOv3ConvNextBackbone": Head(images, config={"out_features": ["stem", "stage1", "stage3"]}),
    },
    variants={"relu": {"hidden_act": "relu", "layer_norm_eps": 1e-3}},
)
