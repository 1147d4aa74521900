"""Depth Pro: oblong images, two scales and three, plain and gated encoders."""

from typing import Any

import torch
from kit.families import Case, Head, Inputs


def images() -> Inputs:
    return {"pixel_values": torch.rand(2, 3, 64, 72)}


def encoder(size: int, **settings: Any) -> dict[str, Any]:
    small = {"num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 2, "image_size": 16, "patch_size": 4}
    return {"model_type": "dinov2", "hidden_size": size, **small, **settings}


CASE = Case(
    config_class="DepthProConfig",
    config={
        "image_model_config": encoder(4),
        "patch_model_config": encoder(6),
        "fov_model_config": encoder(4, num_hidden_layers=1),
        "patch_size": 16,
        "fusion_hidden_size": 4,
        "scaled_images_ratios": [0.5, 1.0],
        "scaled_images_overlap_ratios": [0.25, 0.5],
        "scaled_images_feature_dims": [4, 6],
        "intermediate_hook_ids": [0],
        "intermediate_feature_dims": [6],
        "merge_padding_value": 1,
        "use_fov_model": True,
        "num_fov_head_layers": 1,
    },
    # Depths of fresh weights reach hundreds, so the head stands second: the variants concern its maps.
    heads={"DepthProModel": Head(images), "DepthProForDepthEstimation": Head(images)},
    variants={
        "three": {
            "scaled_images_ratios": [0.25, 0.5, 1.0],
            "scaled_images_overlap_ratios": [0.0, 0.5, 0.25],
            "scaled_images_feature_dims": [9, 7, 5],
            "intermediate_hook_ids": [1, 0],
            "intermediate_feature_dims": [6, 4],
        },
        "gated": {"patch_model_config": encoder(6, use_swiglu_ffn=True), "merge_padding_value": 0},
    },
)
