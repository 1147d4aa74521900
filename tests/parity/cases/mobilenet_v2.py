"""MobileNet V2: every head, both ways to pad, dilated layers, both stems, odd images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 97, 130)}


def maps(inputs: Inputs) -> Inputs:
    """A class for each pixel; some do not count."""
    labels = torch.randint(0, 3, (3, 97, 130))
    labels[0, :10] = 255
    return {"labels": labels}


CASE = Case(
    config_class="MobileNetV2Config",
    config={
        "depth_multiplier": 0.1,
        "min_depth": 4,
        "depth_divisible_by": 4,
        "expand_ratio": 2.0,
        "finegrained_output": False,
        "num_labels": 3,
        "classifier_dropout_prob": 0.5,
    },
    heads={
        "MobileNetV2ForImageClassification": Head(images, class_labels(3)),
        "MobileNetV2ForSemanticSegmentation": Head(images, maps),
        "MobileNetV2Model": Head(images),
    },
    variants={
        "dilated": {"output_stride": 8},
        "padded": {"tf_padding": False, "hidden_act": "gelu", "output_stride": 16, "finegrained_output": True},
        "stem": {"first_layer_is_expansion": False},
    },
)
