"""SuperPoint: points of noise, as many as there are, and the best."""

import torch
from kit.families import Case, Head, Inputs


def images() -> Inputs:
    return {"pixel_values": torch.rand(2, 3, 24, 33)}


ALL = {"nms_radius": 0, "keypoint_threshold": 0.0}  # every pixel, however numbers are rounded


CASE = Case(
    config_class="SuperPointConfig",
    config={"encoder_hidden_sizes": [4, 6, 8, 8], "decoder_hidden_size": 12, "descriptor_decoder_dim": 10, **ALL},
    heads={"SuperPointForKeypointDetection": Head(images)},
    variants={
        "apart": {"nms_radius": 1, "keypoint_threshold": 0.015},
        "best": {"max_keypoints": 5, "nms_radius": 2, "border_removal_distance": 2},
    },
)
