"""TimesFM 2.5 that predicts: series of any lengths go in, the next values and their quantiles come out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ...core.errors import InputError
from ...nn.series import check_series
from ..timesfm.forecast import Forecaster, TimesFmOutputForPrediction, decomposed, together, whole_number
from . import TimesFm2_5Config
from .model import TimesFm2_5Model, TimesFm2_5PreTrainedModel, TimesFm2_5ResidualBlock, standardised


@dataclass
class TimesFm2_5OutputForPrediction(TimesFmOutputForPrediction):
    """`mean_predictions` (B, horizon), `full_predictions` (B, horizon, 1 + quantiles), the mean first, and the `loss`."""


def upside_down(predictions: Tensor) -> Tensor:
    """Predictions (..., 1 + quantiles) of series turned upside down, as those of the series themselves."""
    return -torch.cat([predictions[..., :1], predictions[..., 1:].flip(-1)], dim=-1)


class TimesFm2_5ModelForPrediction(Forecaster, TimesFm2_5PreTrainedModel):
    """TimesFM 2.5 that predicts the next values of series and their quantiles."""

    def __init__(self, config: TimesFm2_5Config) -> None:
        super().__init__(config)
        self.model = TimesFm2_5Model(config)
        size, count = config.hidden_size, 1 + len(config.quantiles)
        self.output_projection_point = TimesFm2_5ResidualBlock(config, size, config.horizon_length * count)
        self.output_projection_quantiles = TimesFm2_5ResidualBlock(config, size, config.output_quantile_len * count)

    def projected(self, values: Tensor, padding: Tensor) -> tuple[Tensor, Tensor, Any]:
        """What both heads predict for values (B, T), (B, their lengths, 1 + quantiles), and the output of the backbone."""
        output: Any = self.model(past_values=values, past_values_padding=padding, return_dict=True)
        mean, deviation = output.context_mu[:, -1, None], output.context_sigma[:, -1, None]
        points, spreads = (
            (head(output.last_hidden_state[:, -1]) * deviation + mean).unflatten(-1, (-1, 1 + len(self.config.quantiles)))
            for head in (self.output_projection_point, self.output_projection_quantiles)
        )
        return points, spreads, output

    def forward(
        self,
        past_values: Sequence[Tensor],
        window_size: int | None = None,
        future_values: Tensor | None = None,
        forecast_context_len: int | None = None,
        truncate_negative: bool | None = None,
        force_flip_invariance: bool | None = None,
    ) -> TimesFm2_5OutputForPrediction:
        """Args:
        past_values: series (T,) of any lengths, or (B, T); the last `context_length` values of each are read.
        window_size: predict the mean of so many values and what is left of the series by themselves, and add both.
        future_values: (B, T), up to `horizon_length` targets; the loss is that of the values divided by their deviation.
        forecast_context_len: read so many values instead, a multiple of `patch_length`.
        truncate_negative: predict nothing below 0 where no value of any series is; None as `config.infer_is_positive`.
        force_flip_invariance: see the config, which it overrides.

        Raises:
            InputError: series, targets or lengths that do not fit.
        """
        config = self.config
        length = whole_number(forecast_context_len or config.context_length, "forecast_context_len")
        series = self.series(past_values, length)
        values, padding = self.padded(decomposed(series, window_size), length)
        mean, deviation = values.mean(1, keepdim=True), values.std(1, keepdim=True)
        scaled = standardised(values, mean, deviation)
        forecast, spreads, output = self.projected(scaled, padding)
        if config.force_flip_invariance if force_flip_invariance is None else force_flip_invariance:
            turned, turned_spreads, _ = self.projected(-scaled, padding)
            forecast = (forecast + upside_down(turned)) / 2
            spreads = (spreads + upside_down(turned_spreads)) / 2
        middle = min(config.decode_index, len(config.quantiles))
        if config.use_continuous_quantile_head:
            forecast = with_spreads(forecast, spreads, middle)
        loss = None if future_values is None else self.loss(forecast, future_values, mean, deviation, window_size, middle)
        full = together(forecast * deviation[..., None] + mean[..., None], window_size)
        if config.infer_is_positive if truncate_negative is None else truncate_negative:
            full = torch.where(torch.stack([each.min() for each in series]).min() >= 0, full.clamp(min=0.0), full)
        return TimesFm2_5OutputForPrediction(
            output.last_hidden_state, mean_predictions=full[..., middle], full_predictions=full, loss=loss
        )

    def loss(
        self, forecast: Tensor, targets: Any, mean: Tensor, deviation: Tensor, window_size: int | None, middle: int
    ) -> Tensor:
        """Squared error of the middle of a scaled forecast (B, horizon, 1 + quantiles), and the pinball loss of the others.

        As published, the mean counts as the first quantile and those up to the middle as the next ones.

        Raises:
            InputError: targets of another shape, or of series that were decomposed, whose parts have none.
        """
        if window_size is not None:
            raise InputError("future_values beside window_size: parts of a decomposed series have no targets; leave one out")
        rows, horizon = forecast.shape[:2]
        values = check_series(targets, "future_values", (rows, None), self.dtype, f", up to horizon_length {horizon} of each")
        if not 1 <= values.shape[1] <= horizon:
            raise InputError(f"future_values has {values.shape[1]} steps; expected 1 to horizon_length {horizon}")
        scaled, forecast = standardised(values, mean, deviation), forecast[:, : values.shape[1]]
        loss = mse_loss(forecast[..., middle], scaled)
        others = torch.cat([forecast[..., :middle], forecast[..., middle + 1 :]], dim=-1)
        return loss + self.quantile_loss(others, scaled) if self.config.quantiles else loss


def with_spreads(forecast: Tensor, spreads: Tensor, middle: int) -> Tensor:
    """A forecast (B, T, 1 + quantiles) whose quantiles have the distances from the `middle` that the `spreads` have."""
    length = min(forecast.shape[1], spreads.shape[1])
    spreads, centre = spreads[:, :length], forecast[:, :length, middle, None]
    quantiles = (spreads - spreads[..., middle, None] + centre)[..., 1:]
    return torch.cat([forecast[..., :1], torch.cat([quantiles, forecast[:, length:, 1:]], dim=1)], dim=-1)
