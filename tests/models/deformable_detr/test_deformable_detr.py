"""Deformable DETR beyond the generic tests: what is refused, and in which words."""

from typing import Any

import pytest
import torch
from kit.families import pair
from kit.pictured_objects import FOUR_STAGES

from bestiary import DeformableDetrConfig, DeformableDetrModel
from bestiary.core.errors import ConfigError, InputError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"two_stage": True}, "needs with_box_refine"),
        ({"d_model": 48}, "multiple of 32"),
        ({"num_feature_levels": 2, "backbone_config": FOUR_STAGES}, "not below the 4 maps"),
    ],
    ids=str,
)
def test_configs_of_which_no_model_can_be_made(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DeformableDetrConfig(**values)


@torch.no_grad()
def test_what_proposals_need() -> None:
    models = pair("deformable_detr", "DeformableDetrForObjectDetection", "two stages")
    with pytest.raises(InputError, match="5 places in its maps, fewer than two_stage_num_proposals .6."):
        models.ours(torch.randn(2, 3, 4, 4))
    with pytest.raises(InputError, match="no heads that propose"):
        DeformableDetrModel(models.ours.config).eval()(**models.inputs)
