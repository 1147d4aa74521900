"""Prompt Depth Anything: oblong images with coarse depths of another size, and without."""

import torch
from kit.dense import SMALL
from kit.families import Case, Head, Inputs


def prompted() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 24, 40), "prompt_depth": torch.rand(2, 1, 6, 9) * 5}


CASE = Case(
    config_class="PromptDepthAnythingConfig",
    config=SMALL,
    heads={"PromptDepthAnythingForDepthEstimation": Head(prompted)},
    variants={"metric": {"depth_estimation_type": "metric"}},
)
