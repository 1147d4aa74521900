"""SegFormer: every head, stages whose attention sees a coarser grid, oblong images, one class, the last state left flat."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 64, 96)}


def maps(inputs: Inputs) -> Inputs:
    """A class for each pixel; some do not count."""
    labels = torch.randint(0, 2, (2, 64, 96))
    labels[0, :10] = 255
    return {"labels": labels}


CASE = Case(
    config_class="SegformerConfig",
    config={
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 2, 1, 1],
        "num_attention_heads": [1, 2, 2, 4],
        "decoder_hidden_size": 20,
        "num_labels": 3,
    },
    heads={
        "SegformerForSemanticSegmentation": Head(images, maps),
        "SegformerForImageClassification": Head(images, class_labels(3)),
        "SegformerModel": Head(images, config={"reshape_last_stage": False}),
    },
    variants={
        "binary": {"num_labels": 1},
        "relu": {"hidden_act": "relu", "mlp_ratios": [2, 3, 4, 2]},
        "three": {"num_encoder_blocks": 3, "sr_ratios": [4, 1, 2], "strides": [4, 2, 1], "patch_sizes": [5, 3, 3]},
    },
)
