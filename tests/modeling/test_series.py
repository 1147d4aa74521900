"""Models that continue a series: futures are drawn as the reference draws them; what they cannot read is refused in words."""

from typing import Any

import pytest
import torch
from kit.families import close, pair
from kit.series_inputs import CONTEXT, HORIZON, LAGS

from bestiary.core.errors import BestiaryError, ConfigError, InputError
from bestiary.models.time_series_transformer import TimeSeriesTransformerConfig, TimeSeriesTransformerForPrediction
from bestiary.nn.distributions import NormalOutput, StudentTOutput
from bestiary.nn.scalers import scaler_for
from bestiary.nn.series import lagged

FAMILY = ("time_series_transformer", "TimeSeriesTransformerForPrediction")
DRAWN = [(*FAMILY, variant) for variant in ("", "std", "unscaled", "counts")]
DRAWN += [("informer", "InformerForPrediction", variant) for variant in ("sparse", "full")]
DRAWN += [("autoformer", "AutoformerForPrediction", variant) for variant in ("", "long")]


@pytest.mark.parametrize(("model_type", "name", "variant"), DRAWN)
def test_futures_are_those_of_the_reference_under_a_seed(model_type: str, name: str, variant: str) -> None:
    models = pair(model_type, name, variant)
    drawn = []
    for model in (models.reference, models.ours):
        torch.manual_seed(7)
        drawn.append(model.generate(**models.inputs).sequences)
    assert drawn[0].shape == (3, 3, HORIZON)
    close(drawn[1], drawn[0], rtol=1e-4, atol=1e-4)


def test_several_series_at_once() -> None:
    values = {
        "prediction_length": 3,
        "lags_sequence": [1, 2],
        "input_size": 2,
        "num_parallel_samples": 5,
        "num_time_features": 1,
    }
    model = TimeSeriesTransformerForPrediction(TimeSeriesTransformerConfig(**values)).eval()
    output = model.generate(torch.randn(4, 5, 2), torch.randn(4, 5, 1), torch.randn(4, 3, 1))
    assert output.sequences.shape == (4, 5, 3, 2)


def changed(**changes: Any) -> dict[str, Any]:
    return {**pair(*FAMILY).inputs, **changes}


PAST = CONTEXT + max(LAGS)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"past_values": torch.ones(3, PAST - 1)}, r"past_values holds 14 steps; this model needs 15"),
        ({"past_values": torch.full((3, PAST), torch.nan)}, "past_values holds NaN .* put 0 in the place"),
        ({"past_values": torch.ones(3, PAST, 2)}, r"past_values is of .*\(3, 15, 2\); expected numbers of shape"),
        ({"past_time_features": torch.ones(3, PAST, 2)}, r"\(3, any, 3\), the last being num_time_features \+"),
        ({"past_time_features": torch.ones(3, PAST - 1, 3)}, "past_time_features has 14 steps and past_values 15"),
        ({"past_time_features": None}, "past_time_features is a NoneType; expected numbers"),
        ({"static_real_features": None}, "static_real_features is a NoneType; .* num_static_real"),
        ({"static_real_features": torch.ones(3, 2)}, r"static_real_features has shape \(3, 2\)"),
        ({"static_categorical_features": torch.tensor([[0, 3]] * 3)}, "static_categorical_features hold 3; this model knows 3"),
        (
            {"future_values": torch.ones(3, HORIZON + 1)},
            r"future_values has shape \(3, 5\); expected numbers of shape \(3, 4\)",
        ),
        ({"future_values": torch.ones(3, HORIZON), "future_time_features": None}, "future_time_features is a NoneType"),
    ],
)
def test_what_it_cannot_read_is_named(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        pair(*FAMILY).ours(**changed(**changes))


def test_targets_that_are_no_counts_are_refused() -> None:
    with pytest.raises(InputError, match="no count"):
        pair(*FAMILY, "counts").ours(**changed(future_values=torch.full((3, HORIZON), 1.5)))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"minimum_scale": -1.0}, "minimum_scale is -1.0; expected a number above 0"),
        ({"lags_sequence": []}, "lags_sequence is empty"),
        ({"lags_sequence": [0, 1]}, "lags_sequence is"),
        ({"scaling": "max"}, "scaling is 'max'"),
        ({"distribution_output": "student"}, "distribution_output is 'student'"),
        ({"num_static_categorical_features": 2, "cardinality": [3]}, "a number for each of the 2 features"),
        ({"num_static_categorical_features": 1}, r"cardinality is \[0\]"),
    ],
)
def test_a_config_that_makes_no_sense_is_named(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        TimeSeriesTransformerConfig(prediction_length=3, **values)


def test_a_model_without_a_horizon_is_refused() -> None:
    with pytest.raises(BestiaryError, match="prediction_length is None"):
        TimeSeriesTransformerForPrediction(TimeSeriesTransformerConfig())


def test_a_negative_scale_is_refused() -> None:
    with pytest.raises(InputError, match="scale holds -1.0"):
        NormalOutput().distribution((torch.zeros(2), torch.ones(2)), scale=torch.tensor([1.0, -1.0]))


def test_a_scaled_distribution_has_mean_and_deviation() -> None:
    scaled = StudentTOutput().distribution(
        (torch.tensor([4.0]), torch.tensor([1.0]), torch.tensor([1.0])), 3.0, torch.tensor(2.0)
    )
    assert scaled.mean.item() == 5.0
    assert scaled.stddev.item() == pytest.approx(2 * 2**0.5)


def test_the_mean_of_a_series_without_values_is_that_of_the_others() -> None:
    values, observed = torch.tensor([[2.0, -4.0], [9.0, 9.0]]), torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    _, loc, scale = scaler_for("mean")(values, observed)
    assert scale.tolist() == [[3.0], [3.0]]
    assert loc.tolist() == [[0.0], [0.0]]
    assert scaler_for(True, default_scale=7.0)(values, observed)[2].tolist() == [[3.0], [7.0]]


def test_lags() -> None:
    values = torch.arange(6)[None]
    assert lagged(values, [1, 3], 2).tolist() == [[[3, 1], [4, 2]]]
    assert lagged(values, [1, 3], 2, shift=1).tolist() == [[[4, 2], [5, 3]]]
    with pytest.raises(InputError, match="the series has 6 values; 4 of them with what came 3 before need 7"):
        lagged(values, [1, 3], 4)


def test_rows_of_autoformer_that_meet_are_told() -> None:
    models = pair("autoformer", "AutoformerForPrediction")
    with pytest.warns(UserWarning, match="takes the delays of some heads from other rows"):
        models.ours(**models.inputs)
    alone = {name: value[:1] for name, value in models.inputs.items()}
    close(models.ours(**alone).encoder_last_hidden_state, models.reference(**alone).encoder_last_hidden_state)


def test_autoformer_compares_whole_series() -> None:
    models = pair("autoformer", "AutoformerForPrediction")
    with pytest.raises(InputError, match="decoder_attention_mask has no meaning here"):
        models.ours(**models.inputs, **models.labels, decoder_attention_mask=torch.ones(3, HORIZON))
    with pytest.raises(ConfigError, match="moving_average is 4; expected an odd number"):
        type(models.ours.config)(prediction_length=3, moving_average=4)
    with pytest.raises(ConfigError, match="label_length is 10; expected a part of the context, which has 3 steps"):
        type(models.ours)(type(models.ours.config)(prediction_length=3))
