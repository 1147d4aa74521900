"""LightGlue over a tiny SuperPoint that gives as many points of each image."""

import torch
from kit.families import Case, Head, Inputs


def pairs() -> Inputs:
    return {"pixel_values": torch.rand(2, 2, 3, 16, 24)}


POINTS = {
    "model_type": "superpoint",
    "encoder_hidden_sizes": [4, 6, 8, 8],
    "decoder_hidden_size": 12,
    "descriptor_decoder_dim": 16,
    "nms_radius": 0,
    "keypoint_threshold": 0.0,
    "border_removal_distance": 0,
    "max_keypoints": 9,
}


CASE = Case(
    config_class="LightGlueConfig",
    config={
        "keypoint_detector_config": POINTS,
        "descriptor_dim": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "filter_threshold": 0.0,
        "depth_confidence": 0.999,
    },
    heads={"LightGlueForKeypointMatching": Head(pairs)},
    variants={
        "grouped": {"num_key_value_heads": 1, "attention_bias": False, "hidden_act": "relu", "filter_threshold": 0.1},
        "projected": {"keypoint_detector_config": {**POINTS, "descriptor_decoder_dim": 10}},
        "pruned": {"width_confidence": 0.5, "num_hidden_layers": 4},
    },
)
