"""SwiftFormer: both classes, odd images, stages that stay as fine, the model without scales."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 31, 50)}


CASE = Case(
    config_class="SwiftFormerConfig",
    config={
        "image_size": 32,
        "depths": [1, 2, 1],
        "embed_dims": [8, 16, 16],
        "mlp_ratio": 2,
        "downsamples": [True, False, True],
        "drop_path_rate": 0.4,
        "drop_mlp_rate": 0.1,
        "drop_conv_encoder_rate": 0.1,
        "layer_scale_init_value": 0.5,
        "num_labels": 3,
    },
    heads={"SwiftFormerForImageClassification": Head(images, class_labels(3)), "SwiftFormerModel": Head(images)},
    variants={"plain": {"use_layer_scale": False, "hidden_act": "relu", "down_patch_size": 2, "down_pad": 0}},
)
