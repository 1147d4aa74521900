"""MobileViT: every head, dilated stages, odd images."""

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
    config_class="MobileViTConfig",
    config={
        "hidden_sizes": [8, 12, 16],
        "neck_hidden_sizes": [4, 4, 8, 8, 8, 12, 16],
        "num_attention_heads": 2,
        "expand_ratio": 2.0,
        "attention_probs_dropout_prob": 0.1,
        "aspp_out_channels": 8,
        "atrous_rates": [1, 2, 3],
        "num_labels": 3,
    },
    heads={
        "MobileViTForImageClassification": Head(images, class_labels(3)),
        "MobileViTForSemanticSegmentation": Head(images, maps),
        "MobileViTModel": Head(images),
    },
    variants={
        "dilated": {"output_stride": 8, "qkv_bias": False, "hidden_act": "relu", "conv_kernel_size": 5},
        "half": {"output_stride": 16, "mlp_ratio": 1.5, "patch_size": 3},
    },
)
