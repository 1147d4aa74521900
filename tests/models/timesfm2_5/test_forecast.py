"""What a call of TimesFM 2.5 may ask for, beside the reference; and targets that mean nothing, refused in words."""

from typing import Any

import pytest
import torch
from kit.families import close, pair

from bestiary import AutoModelForTimeSeriesPrediction
from bestiary.core.errors import InputError

FURTHER: dict[str, dict[str, Any]] = {
    "one width": {"past_values": torch.linspace(0, 9, 60).sin().view(3, 20) + 0.5},
    "decomposed": {"window_size": 3},
    "shorter": {"forecast_context_len": 12},
    "longer": {"forecast_context_len": 36, "window_size": 5},
    "not turned": {"force_flip_invariance": False},
    "nothing below 0": {"past_values": [torch.tensor([9.0, 5.0, 2.0, 0.5, 0.0]) / 4] * 3},
    "below 0 after all": {"past_values": [torch.tensor([9.0, 5.0, 2.0, 0.5, 0.0]) / 4] * 3, "truncate_negative": False},
    "nothing deviates": {"past_values": [torch.full((24,), 3.0)] * 3},
}


@pytest.mark.parametrize("what", FURTHER)
@torch.no_grad()
def test_predictions_are_the_published_ones(what: str) -> None:
    models = pair("timesfm2_5", "TimesFm2_5ModelForPrediction")
    inputs = {**models.inputs, **FURTHER[what]}
    ours, expected = models.ours(**inputs), models.reference(**inputs)
    close(ours.full_predictions, expected.full_predictions, what)
    close(ours.mean_predictions, expected.mean_predictions, what)


@torch.no_grad()
def test_the_loss_of_a_shorter_future() -> None:
    models = pair("timesfm2_5", "TimesFm2_5ModelForPrediction")
    inputs = {**models.inputs, "future_values": torch.randn(3, 2)}
    close(models.ours(**inputs).loss, models.reference(**inputs).loss)


@torch.no_grad()
def test_the_automatic_class_opens_what_the_reference_saved() -> None:
    models = pair("timesfm2_5", "TimesFm2_5ModelForPrediction")
    opened = AutoModelForTimeSeriesPrediction.from_pretrained(models.folder)
    assert type(opened) is type(models.ours)
    close(opened(**models.inputs).mean_predictions, models.plain.mean_predictions)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"forecast_context_len": 10}, "multiple of patch_length 4"),
        ({"forecast_context_len": -4}, "forecast_context_len is -4"),
        ({"future_values": torch.ones(3, 6)}, "expected 1 to horizon_length 5"),
        ({"future_values": torch.ones(3, 5), "window_size": 2}, "leave one out"),
    ],
)
def test_what_means_nothing_is_refused(inputs: dict[str, Any], words: str) -> None:
    models = pair("timesfm2_5", "TimesFm2_5ModelForPrediction")
    with pytest.raises(InputError, match=words):
        models.ours(**{**models.inputs, **inputs})
