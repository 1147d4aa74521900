"""Models that read series in patches: futures drawn and patches hidden as published; what makes no sense is refused."""

from typing import Any

import pytest
import torch
from kit.families import close, pair

from bestiary.core.errors import ConfigError, InputError
from bestiary.models.patchtsmixer import PatchTSMixerConfig
from bestiary.models.patchtst import (
    PatchTSTConfig,
    PatchTSTForClassification,
    PatchTSTForPrediction,
    PatchTSTForRegression,
    PatchTSTModel,
)
from bestiary.nn.series_patches import forecast_mask, patched

PREDICTION = ("patchtst", "PatchTSTForPrediction")


MIXER = ("patchtsmixer", "PatchTSMixerForPrediction")
DRAWN = [(*PREDICTION, variant) for variant in ("", "student", "counts")] + [(*MIXER, each) for each in ("student", "counts")]


@pytest.mark.parametrize(("model_type", "name", "variant"), DRAWN)
def test_futures_are_those_of_the_reference_under_a_seed(model_type: str, name: str, variant: str) -> None:
    models = pair(model_type, name, variant)
    drawn = []
    for model in (models.reference, models.ours):
        torch.manual_seed(7)
        drawn.append(model.generate(*models.inputs.values()).sequences)
    assert drawn[0].shape[:3] == (3, 2 if variant else 1, 3)
    close(drawn[1], drawn[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("counts", [2, [1, 3], [3, 1, 2]])
def test_the_last_patches_are_hidden_as_in_the_reference(counts: int | list[int]) -> None:
    models = pair("patchtst", "PatchTSTForPretraining")
    values = {"mask_type": "forecast", "num_forecast_mask_patches": counts, "unmasked_channel_indices": [1], "mask_value": 5}
    masks = []
    for model in (models.reference, models.ours):
        config = type(model.config)(**{**models.case.config, **values, "do_mask_input": True})
        backbone = type(model.model)(config).eval()
        torch.manual_seed(3)
        masks.append(backbone(models.inputs["past_values"]).mask)
    assert masks[0].any()
    assert torch.equal(masks[1], masks[0])


def test_each_series_may_have_a_projection_of_its_own() -> None:
    """Of which the published library makes none that runs."""
    for loss in ("mse", "nll"):
        config = PatchTSTConfig(num_input_channels=2, share_projection=False, prediction_length=3, d_model=8, loss=loss)
        model = PatchTSTForPrediction(config).eval()
        values = torch.randn(4, 32, 2)
        output = model(values, future_values=torch.randn(4, 3, 2))
        assert output.loss.isfinite()
        assert model.generate(values).sequences.shape[2:] == (3, 2)


@pytest.mark.parametrize(
    ("kind", "field"), [(PatchTSTForPrediction, "prediction_length"), (PatchTSTForRegression, "num_targets")]
)
def test_a_single_value_has_a_distribution(kind: Any, field: str) -> None:
    model = kind(PatchTSTConfig(**{field: 1}, d_model=8, loss="nll", num_parallel_samples=5)).eval()
    name = "future_values" if field == "prediction_length" else "target_values"
    shape = (4, 1, 1) if field == "prediction_length" else (4, 1)
    assert model(torch.randn(4, 32, 1), **{name: torch.randn(shape)}).loss.isfinite()
    assert model.generate(torch.randn(4, 32, 1)).sequences.shape == (4, 5, 1, 1)[: len(shape) + 1]


def test_patches() -> None:
    values = torch.arange(8).view(1, 8, 1)
    assert patched(values, 3, 2).flatten(0, 1).tolist() == [[[1, 2, 3], [3, 4, 5], [5, 6, 7]]]
    mask = forecast_mask(torch.zeros(4, 2, 5, 1), [1, 3])
    assert sorted(mask.sum(-1).flatten().tolist()) == [1, 1, 1, 1, 3, 3, 3, 3]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"past_values": torch.ones(3, 14, 2)}, r"past_values has shape \(3, 14, 2\); expected .*\(any, 15, 2\)"),
        ({"past_values": torch.ones(3, 15, 1)}, r"\(context_length and num_input_channels\)"),
        ({"past_values": torch.full((3, 15, 2), torch.nan)}, "past_values holds NaN"),
        ({"past_observed_mask": torch.ones(3, 15)}, "past_observed_mask is of"),
        ({"future_values": torch.ones(3, 4, 2)}, r"future_values has shape \(3, 4, 2\); expected .*\(3, 3, 2\)"),
    ],
)
def test_what_it_cannot_read_is_named(changes: dict[str, Any], sentence: str) -> None:
    models = pair(*PREDICTION)
    with pytest.raises(InputError, match=sentence):
        models.ours(**{**models.inputs, **changes})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"patch_length": 32}, "context_length is 32, not longer than a patch"),
        ({"unmasked_channel_indices": [1]}, "unmasked_channel_indices has 1; channels go from 0 to 0"),
        ({"output_range": [1.0]}, "output_range is"),
        ({"mask_type": "forecast", "num_forecast_mask_patches": 32}, "of 32 patches one must stay"),
        ({"d_model": 30}, "not a multiple of num_attention_heads"),
        ({"minimum_scale": -1.0}, "minimum_scale is -1.0"),
    ],
)
def test_a_config_that_makes_no_sense_is_named(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        PatchTSTModel(PatchTSTConfig(**values))


def test_a_series_to_predict_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="prediction_channel_indices has 2; channels go from 0 to 1"):
        PatchTSMixerConfig(num_input_channels=2, prediction_channel_indices=[2, 0])


def test_a_head_without_a_state_to_read_is_refused() -> None:
    with pytest.raises(ConfigError, match="pooling_type is None"):
        PatchTSTForClassification(PatchTSTConfig(pooling_type=None))


def test_numbers_alone_are_not_drawn() -> None:
    models = pair("patchtst", "PatchTSTForRegression")
    with pytest.raises(InputError, match="loss='mse'"):
        models.ours.generate(**models.inputs)
    with pytest.raises(InputError, match="the class of each of 3 rows"):
        pair("patchtst", "PatchTSTForClassification").ours(models.inputs["past_values"], target_values=torch.ones(2).long())
