"""The heads of PatchTSMixer. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import ModelOutput, Tensors
from ...modeling.heads.headed import Headed
from ...modeling.patched_series import SampleOutput, SeriesTargets, by_step, class_loss, masked_mse
from ...nn.alias import Alias
from ...nn.part_order import put_last
from . import PatchTSMixerConfig
from .model import PatchTSMixerModel, PatchTSMixerPreTrainedModel


@dataclass
class PatchTSMixerForPreTrainingOutput(ModelOutput):
    """`prediction_outputs` (B, C, P, length): all patches; `loss`: of those that were hidden, with `config.masked_loss`."""

    loss: Tensor | None = None
    prediction_outputs: Tensor | None = None
    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None


@dataclass
class PatchTSMixerForPredictionOutput(ModelOutput):
    """`prediction_outputs` (B, T, C), or the parameters of their distribution; `loc` and `scale` (B, 1, C)."""

    loss: Tensor | None = None
    prediction_outputs: Any = None
    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None
    loc: Tensor | None = None
    scale: Tensor | None = None


@dataclass
class PatchTSMixerForTimeSeriesClassificationOutput(ModelOutput):
    """`prediction_outputs` (B, N), logits."""

    loss: Tensor | None = None
    prediction_outputs: Tensor | None = None
    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None


@dataclass
class PatchTSMixerForRegressionOutput(ModelOutput):
    """`regression_outputs` (B, N), or the parameters of their distribution."""

    loss: Tensor | None = None
    regression_outputs: Any = None
    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None


class PatchTSMixerHeaded(Headed, PatchTSMixerPreTrainedModel):
    """PatchTSMixer under its published name."""

    backbone_class = PatchTSMixerModel


class PatchTSMixerPretrainHead(nn.Module):
    """States of patches -> their values."""

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__()
        self.dropout_layer = nn.Dropout(config.head_dropout)
        self.base_pt_block = nn.Linear(config.d_model, config.patch_length)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, P, D) -> (B, C, P, length)."""
        output: Tensor = self.base_pt_block(self.dropout_layer(x))
        return output


class PatchTSMixerForPretraining(PatchTSMixerHeaded):
    """PatchTSMixer that predicts patches which were hidden."""

    backbone_options = {"mask_input": True}

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__(config)
        self.head = PatchTSMixerPretrainHead(config)

    def forward(
        self, past_values: Tensor | None = None, observed_mask: Tensor | None = None, return_loss: bool = True
    ) -> PatchTSMixerForPreTrainingOutput:
        """Inputs as of `PatchTSMixerModel`. return_loss: whether to compute the loss."""
        output = self.run_backbone(past_values, observed_mask)
        predicted, loss = self.head(output.last_hidden_state), None
        if return_loss:
            counted = output.mask if self.config.masked_loss else torch.ones_like(output.mask)
            loss = masked_mse(predicted, output.patch_input, counted)
        return PatchTSMixerForPreTrainingOutput(loss, predicted, output.last_hidden_state)


class PatchTSMixerForPredictionHead(nn.Module):
    """All states of each series -> its future."""

    def __init__(self, config: PatchTSMixerConfig, model: SeriesTargets) -> None:
        super().__init__()
        self.dropout_layer = nn.Dropout(config.head_dropout)
        self.base_forecast_block = model.projection_from(config.patch_count * config.d_model)
        self.channels = config.prediction_channel_indices

    def forward(self, hidden_features: Tensor) -> Any:
        """(B, C, P, D) -> (B, T, C) of the series that are predicted, or each parameter in this shape."""
        predicted = by_step(self.base_forecast_block(self.dropout_layer(hidden_features.flatten(2))))
        if self.channels is None:
            return predicted
        several = isinstance(predicted, tuple)
        return tuple(each[..., self.channels] for each in predicted) if several else predicted[..., self.channels]


class PatchTSMixerForPrediction(SeriesTargets, PatchTSMixerHeaded):
    """PatchTSMixer that tells how series go on."""

    size_field = "prediction_length"

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__(config)
        self.head = PatchTSMixerForPredictionHead(config, self)

    def forward(
        self,
        past_values: Tensor | None = None,
        observed_mask: Tensor | None = None,
        future_values: Tensor | None = None,
        return_loss: bool = True,
    ) -> PatchTSMixerForPredictionOutput:
        """future_values: the targets (B, prediction_length, C), of all series. return_loss: whether to compute the loss."""
        output = self.run_backbone(past_values, observed_mask)
        predicted, channels = self.head(output.last_hidden_state), self.config.prediction_channel_indices
        loc, scale = (x if channels is None else x[..., channels] for x in (output.loc, output.scale))
        if self.distribution_output is None:
            predicted = predicted * scale + loc
        loss = None
        if future_values is not None and return_loss:
            every = channels is None or not isinstance(future_values, Tensor)
            targets = future_values if every else future_values[..., channels]
            loss = self.targets_loss(predicted, targets, "future_values", loc, scale)
        return PatchTSMixerForPredictionOutput(loss, predicted, output.last_hidden_state, loc=loc, scale=scale)

    @torch.no_grad()
    def generate(self, past_values: Tensor, observed_mask: Tensor | None = None) -> SampleOutput:
        """Futures (B, samples, T, C), drawn."""
        output = self(past_values, observed_mask, return_dict=True)
        return SampleOutput(self.samples(self.distribution(output.prediction_outputs, output.loc, output.scale)))


class InjectScalerStatistics4D(nn.Module):
    """Tells states what their series were scaled by."""

    num_patches = Alias("config.num_patches")

    def __init__(self, size: int, expansion: int = 2) -> None:
        super().__init__()
        self.inverse_trans_expansion = nn.Linear(size + 2, expansion * size)
        self.inverse_trans_compression = nn.Linear(expansion * size, size)
        self.map_scale_expansion = nn.Linear(2, 2 * expansion)
        self.map_scale_compression = nn.Linear(2 * expansion, 2)

    def forward(self, x: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        """States (B, C, P, D), loc and scale (B, 1, C) -> (B, C, P, D)."""
        told = torch.stack([loc[:, 0], scale[:, 0]], dim=-1)[:, :, None]
        told = self.map_scale_compression(self.map_scale_expansion(told)).expand(-1, -1, x.shape[2], -1)
        output: Tensor = self.inverse_trans_compression(self.inverse_trans_expansion(torch.cat([x, told], dim=-1)))
        return output


class PatchTSMixerLinearHead(nn.Module):
    """The states of all series -> N numbers, made by `projection` from so many numbers."""

    def __init__(self, config: PatchTSMixerConfig, projection: Any) -> None:
        super().__init__()
        self.aggregation, self.dropout = config.head_aggregation, nn.Dropout(config.head_dropout)
        count = config.patch_count if config.head_aggregation is None else 1
        self.projection = projection(config.d_model * config.num_input_channels * count)

    def forward(self, x: Tensor) -> Any:
        """(B, C, P, D) -> (B, N), or each parameter."""
        if self.aggregation is None:
            x = x.transpose(2, 3)
        elif self.aggregation == "use_last":
            x = x[:, :, -1]
        else:
            x = x.amax(dim=2) if self.aggregation == "max_pool" else x.mean(dim=2)
        return self.projection(self.dropout(x.flatten(1)))


class ScaleInjected(PatchTSMixerHeaded):
    """A head that reads states of the backbone which are told their scale, where series are scaled."""

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__(config)
        self.inject_scale = InjectScalerStatistics4D(config.d_model) if config.scaling else None

    def states(self, past_values: Tensor | None) -> Tensor:
        """(B, C, P, D)."""
        output = self.run_backbone(past_values)
        states: Tensor = output.last_hidden_state
        return states if self.inject_scale is None else self.inject_scale(states, output.loc, output.scale)


class PatchTSMixerForTimeSeriesClassification(ScaleInjected):
    """PatchTSMixer that tells kinds of series apart."""

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__(config)
        self.head = PatchTSMixerLinearHead(config, lambda width: nn.Linear(width, config.num_targets))
        put_last(self, "inject_scale")

    def forward(
        self, past_values: Tensor | None = None, target_values: Tensor | None = None, return_loss: bool = True
    ) -> PatchTSMixerForTimeSeriesClassificationOutput:
        """target_values: the numbers of classes (B,), or probabilities (B, N). return_loss: whether to compute the loss."""
        states = self.states(past_values)
        logits = self.head(states)
        loss = class_loss(logits, target_values) if return_loss else None
        return PatchTSMixerForTimeSeriesClassificationOutput(loss, logits, states)


class PatchTSMixerForRegression(SeriesTargets, ScaleInjected):
    """PatchTSMixer that tells numbers of all series together."""

    size_field = "num_targets"

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__(config)
        self.head = PatchTSMixerLinearHead(config, self.projection_from)

    def forward(
        self, past_values: Tensor | None = None, target_values: Tensor | None = None, return_loss: bool = True
    ) -> PatchTSMixerForRegressionOutput:
        """target_values: (B, num_targets). return_loss: whether to compute the loss."""
        states = self.states(past_values)
        predicted, loss = self.bounded(self.head(states)), None
        if target_values is not None and return_loss:
            loss = self.targets_loss(predicted, target_values, "target_values")
        return PatchTSMixerForRegressionOutput(loss, predicted, states)

    @torch.no_grad()
    def generate(self, past_values: Tensor) -> SampleOutput:
        """Numbers (B, samples, N), drawn."""
        samples = self.samples(self.distribution(self(past_values, return_dict=True).regression_outputs))
        return SampleOutput(samples.view(len(samples), -1, self.config.num_targets))
