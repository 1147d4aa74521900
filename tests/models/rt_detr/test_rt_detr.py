"""RT-DETR and its relatives beyond the generic tests: what is refused, and in which words; queries with learned states."""

from typing import Any

import pytest
import torch
from kit.pictured_objects import QUERYING, RESNET_D, small_images

from bestiary import DFineConfig, RTDetrConfig, RTDetrForObjectDetection, RTDetrV2Config
from bestiary.core.errors import ConfigError, InputError

TINY = {**QUERYING, "backbone_config": RESNET_D}


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (RTDetrConfig, {"decoder_layers": 0}, "a decoder layer or more"),
        (RTDetrConfig, {"encode_proj_layers": [3]}, "a map beyond the 3"),
        (RTDetrConfig, {"num_feature_levels": 2}, "not below their number"),
        (RTDetrConfig, {"num_feature_levels": 5}, "to be d_model"),
        (RTDetrV2Config, {"decoder_method": "nearest"}, "default or discrete"),
        (RTDetrV2Config, {"decoder_n_levels": 2}, "expected num_feature_levels"),
        (DFineConfig, {"max_num_bins": 7}, "an even number of bins"),
        (DFineConfig, {"eval_idx": 0}, "the last layer answers"),
    ],
    ids=str,
)
def test_configs_of_which_no_model_can_be_made(kind: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**{**TINY, **values})


@torch.no_grad()
def test_images_that_are_too_small() -> None:
    model = RTDetrForObjectDetection(RTDetrConfig(**{**TINY, "num_queries": 30})).eval()
    with pytest.raises(InputError, match="21 places in its maps, fewer than num_queries .30."):
        model(torch.randn(1, 3, 32, 32))
    with pytest.raises(InputError, match="edges are multiples of 32"):
        model(torch.randn(1, 3, 8, 8))


@torch.no_grad()
def test_learned_states_of_queries() -> None:
    """The published model of this option cannot be called; every image's queries start from the same states here."""
    model = RTDetrForObjectDetection(RTDetrConfig(**TINY, learn_initial_query=True)).eval()
    pixels = small_images()["pixel_values"]
    before = model(pixels).logits
    model.model.weight_embedding.weight.add_(1.0)
    assert before.shape == (2, 5, 3)
    assert not torch.equal(model(pixels).logits, before)
