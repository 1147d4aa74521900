"""MobileNet: every head, both ways to pad, odd images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 97, 130)}


CASE = Case(
    config_class="MobileNetV1Config",
    config={"depth_multiplier": 0.1, "min_depth": 4, "num_labels": 3, "classifier_dropout_prob": 0.5},
    heads={
        "MobileNetV1ForImageClassification": Head(images, class_labels(3)),
        "MobileNetV1Model": Head(images),
    },
    variants={"padded": {"tf_padding": False, "hidden_act": "gelu"}},
)
