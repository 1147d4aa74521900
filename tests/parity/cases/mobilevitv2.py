"""MobileViT V2: every head, dilated stages, odd images, two widths."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 45, 70)}


def maps(inputs: Inputs) -> Inputs:
    """A class for each pixel; some do not count."""
    labels = torch.randint(0, 3, (3, 45, 70))
    labels[0, :10] = 255
    return {"labels": labels}


CASE = Case(
    config_class="MobileViTV2Config",
    config={
        "base_attn_unit_dims": [16, 16, 32],
        "n_attn_blocks": [1, 2, 1],
        "width_multiplier": 0.1,
        "ffn_multiplier": 2,
        "attn_dropout": 0.1,
        "ffn_dropout": 0.2,
        "aspp_out_channels": 8,
        "atrous_rates": [1, 2, 3],
        "num_labels": 3,
    },
    heads={
        "MobileViTV2ForImageClassification": Head(images, class_labels(3)),
        "MobileViTV2ForSemanticSegmentation": Head(images, maps),
        "MobileViTV2Model": Head(images),
    },
    variants={
        "dilated": {"output_stride": 8, "hidden_act": "relu", "conv_kernel_size": 5, "patch_size": 3},
        "half": {"output_stride": 16, "width_multiplier": 0.2},
    },
)
