"""What a call of TimesFM may ask for, beside the reference; and series that mean nothing, refused in words."""

from typing import Any

import pytest
import torch
from kit.families import close, pair

from bestiary import AutoModelForTimeSeriesPrediction
from bestiary.core.errors import InputError

FURTHER: dict[str, dict[str, Any]] = {
    "no frequencies": {"freq": None},
    "one width": {"past_values": torch.linspace(0, 9, 60).sin().view(3, 20) + 0.5},
    "decomposed": {"window_size": 3, "freq": [2, 0, 1]},
    "shorter": {"forecast_context_len": 12},
    "longer than is read": {"forecast_context_len": 36, "window_size": 5},
    "with the context": {"return_forecast_on_context": True},
    "a shorter context": {"return_forecast_on_context": True, "forecast_context_len": 16, "window_size": 2},
    "nothing below 0": {"truncate_negative": True, "past_values": [torch.tensor([9.0, 5.0, 2.0, 0.5, 0.0]) / 4] * 3},
    "below 0 is left": {"truncate_negative": True, "past_values": [torch.tensor([2.0, 1.0, -1.0, -3.0])] * 3},
}


@pytest.mark.parametrize("what", FURTHER)
@torch.no_grad()
def test_predictions_are_the_published_ones(what: str) -> None:
    models = pair("timesfm", "TimesFmModelForPrediction")
    inputs = {**models.inputs, **FURTHER[what]}
    ours, expected = models.ours(**inputs), models.reference(**inputs)
    close(ours.full_predictions, expected.full_predictions, what)
    close(ours.mean_predictions, expected.mean_predictions, what)


@torch.no_grad()
def test_the_loss_of_what_is_predicted_for_the_context() -> None:
    models = pair("timesfm", "TimesFmModelForPrediction")
    inputs = {**models.inputs, "return_forecast_on_context": True, "future_values": torch.randn(3, 25)}
    close(models.ours(**inputs).loss, models.reference(**inputs).loss)


@torch.no_grad()
def test_the_automatic_class_opens_what_the_reference_saved() -> None:
    models = pair("timesfm", "TimesFmModelForPrediction")
    opened = AutoModelForTimeSeriesPrediction.from_pretrained(models.folder)
    assert type(opened) is type(models.ours)
    close(opened(**models.inputs).mean_predictions, models.plain.mean_predictions)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"past_values": []}, "expected a list of series"),
        ({"past_values": [torch.ones(3), torch.ones(2, 2)]}, r"past_values\[1\] .* expected numbers of shape \(any\)"),
        ({"past_values": [torch.ones(3), torch.ones(0)]}, r"past_values\[1\] has shape \(0,\) and holds nothing"),
        ({"past_values": [torch.tensor([1.0, float("nan")])]}, "NaN"),
        ({"past_values": [torch.ones(3)], "freq": [3]}, "knows 3 of them, 0 to 2"),
        ({"past_values": [torch.ones(3)], "freq": [0, 1]}, "freq holds 2 numbers and past_values 1 series"),
        ({"past_values": [torch.ones(3)], "forecast_context_len": 10}, "multiple of patch_length 4"),
        ({"past_values": [torch.ones(3)], "forecast_context_len": 0}, "forecast_context_len is 0"),
        ({"past_values": [torch.ones(3)], "window_size": 0}, "window_size is 0"),
        ({"past_values": [torch.ones(3)], "future_values": torch.ones(1, 4)}, r"future_values has shape \(1, 4\)"),
    ],
)
def test_what_means_nothing_is_refused(inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        pair("timesfm", "TimesFmModelForPrediction").ours(**inputs)
