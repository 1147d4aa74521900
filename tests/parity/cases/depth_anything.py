"""Depth Anything: oblong images, relative and metric depth, other scales, gated and plain backbones."""

import torch
from kit.dense import BACKBONE, SMALL
from kit.families import Case, Head, Inputs


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 24, 40)}


CASE = Case(
    config_class="DepthAnythingConfig",
    config=SMALL,
    heads={"DepthAnythingForDepthEstimation": Head(images)},
    variants={
        "metric": {"depth_estimation_type": "metric", "max_depth": 20, "head_in_index": -2},
        "scales": {
            "reassemble_factors": [2, 1, 0.5],
            "neck_hidden_sizes": [8, 12, 10],
            "backbone_config": BACKBONE | {"out_indices": [0, 2, 3], "use_swiglu_ffn": True, "apply_layernorm": False},
        },
    },
)
