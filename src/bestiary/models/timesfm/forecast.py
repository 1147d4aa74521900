"""TimesFM that predicts: series of any lengths go in, the next values and their quantiles come out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss, pad

from ...core.errors import InputError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...nn.alias import Alias
from ...nn.series import check_series
from . import TimesFmConfig
from .model import TimesFmModel, TimesFmPreTrainedModel, TimesFmResidualBlock


@dataclass
class TimesFmOutputForPrediction(ModelOutput):
    """`mean_predictions` (B, horizon), `full_predictions` (B, horizon, 1 + quantiles), the mean first, and the `loss`."""

    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    mean_predictions: Tensor | None = None
    full_predictions: Tensor | None = None
    loss: Tensor | None = None


def whole_number(value: Any, name: str) -> int:
    """`value`, a number of steps.

    Raises:
        InputError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} is {value!r:.60}; expected a number of steps, 1 or more")
    return value


class Forecaster(PreTrainedModel):
    """How a model that predicts reads series of different lengths."""

    context_len, horizon_len = Alias("config.context_length"), Alias("config.horizon_length")

    def series(self, past_values: Any, length: int) -> list[Tensor]:
        """The last `length` values of each series: (T,) each, or (B, T).

        Raises:
            InputError: something else, or a series without values.
        """
        if not isinstance(past_values, list | tuple | Tensor) or not len(past_values):
            raise InputError(f"past_values is {past_values!r:.60}; expected a list of series, a tensor (length,) each")
        checked = [check_series(each, f"past_values[{i}]", (None,), self.dtype) for i, each in enumerate(past_values)]
        for index, each in enumerate(checked):
            if not len(each):
                raise InputError(f"past_values[{index}] has shape (0,) and holds nothing; expected one value or more")
        return [each[-length:] for each in checked]

    def padded(self, series: Sequence[Tensor], length: int) -> tuple[Tensor, Tensor]:
        """The last `length` values of each, zeros before those that have fewer, and where these are: twice (B, length)."""
        cut = [each[-length:] for each in series]
        values = torch.stack([pad(each, (length - len(each), 0)) for each in cut])
        padding = torch.stack([pad(torch.zeros_like(each), (length - len(each), 0), value=1.0) for each in cut])
        return values, padding

    def quantile_loss(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """The pinball loss of quantiles (B, T, quantiles) of targets (B, T) (Koenker & Bassett 1978)."""
        quantiles = torch.tensor(self.config.get("quantiles"), dtype=predictions.dtype, device=predictions.device)
        errors = targets[..., None] - predictions
        return torch.maximum((quantiles - 1) * errors, quantiles * errors).mean()


def decomposed(series: Sequence[Tensor], window_size: int | None) -> list[Tensor]:
    """Of each series (T,) the mean of the last `window_size` values, zeros before the first, and what is left of it."""
    if window_size is None:
        return list(series)
    width = whole_number(window_size, "window_size")
    trends = [pad(each, (width - 1, 0)).unfold(-1, width, 1).mean(-1) for each in series]
    return [part for each, trend in zip(series, trends, strict=True) for part in (trend, each - trend)]


def together(predictions: Tensor, window_size: int | None) -> Tensor:
    """The sums of predictions (2 B, ...) of trends and of what is left, where series were decomposed."""
    return predictions if window_size is None else predictions[0::2] + predictions[1::2]


class TimesFmModelForPrediction(Forecaster, TimesFmPreTrainedModel):
    """TimesFM that predicts the next values of series and their quantiles."""

    def __init__(self, config: TimesFmConfig) -> None:
        super().__init__(config)
        self.decoder = TimesFmModel(config)
        outputs = config.horizon_length * (1 + len(config.quantiles))
        self.horizon_ff_layer = TimesFmResidualBlock(config.hidden_size, config.intermediate_size, outputs)

    def forward(
        self,
        past_values: Sequence[Tensor],
        freq: Sequence[Tensor | int] | Tensor | None = None,
        window_size: int | None = None,
        future_values: Tensor | None = None,
        forecast_context_len: int | None = None,
        return_forecast_on_context: bool = False,
        truncate_negative: bool = False,
    ) -> TimesFmOutputForPrediction:
        """Args:
        past_values: series (T,) of any lengths, or (B, T); the last `context_length` values of each are read.
        freq: (B,), the numbers of their frequencies; 0 where they are not told.
        window_size: predict the mean of so many values and what is left of the series by themselves, and add both.
        future_values: (B, horizon_length), the targets: the loss is their squared error and that of the quantiles.
        forecast_context_len: read fewer values, a multiple of `patch_length`.
        return_forecast_on_context: also give what is predicted for the context, from the second patch on, before the rest.
        truncate_negative: predict nothing below 0 where no value of any series is.

        Raises:
            InputError: series, frequencies, targets or lengths that do not fit.
        """
        config = self.config
        asked = config.context_length if forecast_context_len is None else forecast_context_len
        length = min(whole_number(asked, "forecast_context_len"), config.context_length)
        if length % config.patch_length:
            raise InputError(f"forecast_context_len is {length}; expected a multiple of patch_length {config.patch_length}")
        series = self.series(past_values, asked)
        values, padding = self.padded(decomposed(series, window_size), length)
        parts = len(values) // len(series)
        numbers = self.decoder.freq_of([0] * len(series) if freq is None else freq, values[::parts])
        numbers = numbers.repeat_interleave(parts, dim=0)
        output: Any = self.decoder(past_values=values, past_values_padding=padding, freq=numbers, return_dict=True)
        loc, scale = output.loc, output.scale
        predicted = self.horizon_ff_layer(output.last_hidden_state).unflatten(-1, (config.horizon_length, -1))
        predicted = predicted * scale[:, None, None, None] + loc[:, None, None, None]
        full = predicted[:, -1]
        if return_forecast_on_context:
            full = torch.cat([predicted[:, :-1, : config.patch_length].flatten(1, 2), full], dim=1)
        full = together(full, window_size)
        if truncate_negative:
            full = torch.where(torch.stack([each.min() for each in series]).min() >= 0, full.clamp(min=0.0), full)
        mean, loss = full[..., 0], None
        if future_values is not None:
            targets = check_series(future_values, "future_values", mean.shape, self.dtype)
            loss = mse_loss(mean, targets) + self.quantile_loss(full[..., 1:], targets)
        return TimesFmOutputForPrediction(output.last_hidden_state, mean_predictions=mean, full_predictions=full, loss=loss)
