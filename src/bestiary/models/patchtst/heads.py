"""The heads of PatchTST. Parameter names are the published ones."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.heads.headed import Headed, only
from ...modeling.patched_series import SampleOutput, SeriesTargets, by_step, class_loss, masked_mse
from . import PatchTSTConfig
from .model import PatchTSTModel, PatchTSTPreTrainedModel


@dataclass
class PatchTSTForPretrainingOutput(ModelOutput):
    """`prediction_output` (B, C, P, length): all patches; `loss`: of those that were hidden."""

    loss: Tensor | None = None
    prediction_output: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class PatchTSTForPredictionOutput(ModelOutput):
    """`prediction_outputs` (B, T, C), or the parameters of their distribution; `loc` and `scale` (B, 1, C)."""

    loss: Tensor | None = None
    prediction_outputs: Any = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    loc: Tensor | None = None
    scale: Tensor | None = None


@dataclass
class PatchTSTForRegressionOutput(ModelOutput):
    """`regression_outputs` (B, N), or the parameters of their distribution."""

    loss: Tensor | None = None
    regression_outputs: Any = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class PatchTSTForClassificationOutput(ModelOutput):
    """`prediction_logits` (B, N)."""

    loss: Tensor | None = None
    prediction_logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


def pooled(x: Tensor, config: PatchTSTConfig) -> Tensor:
    """States (B, C, P, D) -> the one of each series (B, C, D), or, without pooling, all of them (B, C, P, D)."""
    if config.use_cls_token:
        return x[:, :, 0]
    if config.pooling_type is None:
        return x
    return x.mean(dim=2) if config.pooling_type == "mean" else x.amax(dim=2)


def must_pool(config: PatchTSTConfig) -> None:
    """Refuse a config by which a head of one answer for all has no state to read."""
    if config.pooling_type is None and not config.use_cls_token:
        raise ConfigError("PatchTSTConfig: pooling_type is None; set it to 'mean' or 'max', or use_cls_token to true")


class PatchTSTHeaded(Headed, PatchTSTPreTrainedModel):
    """PatchTST under its published name. `hides_patches`: whether the input is masked, whatever the config says."""

    backbone_class = PatchTSTModel
    hides_patches = False

    def __init__(self, config: PatchTSTConfig) -> None:
        config = copy.deepcopy(config)
        config.do_mask_input = True if self.hides_patches else config.do_mask_input and False
        super().__init__(config)


class PatchTSTMaskPretrainHead(nn.Module):
    """States of patches -> their values."""

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__()
        self.dropout, self.first = nn.Dropout(config.head_dropout), int(config.use_cls_token)
        self.linear = nn.Linear(config.d_model, config.patch_length)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, P, D), perhaps with a class token in front, -> (B, C, P, length)."""
        output: Tensor = self.linear(self.dropout(x))
        return output[:, :, self.first :]


class PatchTSTForPretraining(PatchTSTHeaded):
    """PatchTST that predicts patches which were hidden."""

    hides_patches = True

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__(config)
        self.head = PatchTSTMaskPretrainHead(self.config)

    def forward(
        self, past_values: Tensor | None = None, past_observed_mask: Tensor | None = None
    ) -> PatchTSTForPretrainingOutput:
        """Inputs as of `PatchTSTModel`."""
        output = self.run_backbone(past_values, past_observed_mask)
        predicted = self.head(output.last_hidden_state)
        loss = masked_mse(predicted, output.patch_input, output.mask)
        return PatchTSTForPretrainingOutput(loss, predicted, **only(PatchTSTForPretrainingOutput, output))


class PatchTSTClassificationHead(nn.Module):
    """The states of all series -> logits (B, N)."""

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__()
        must_pool(config)
        self.dropout = nn.Dropout(config.head_dropout)
        self.linear = nn.Linear(config.num_input_channels * config.d_model, config.num_targets)

    def forward(self, x: Tensor) -> Tensor:
        """States (B, C, D) -> (B, N)."""
        output: Tensor = self.linear(self.dropout(x.flatten(1)))
        return output


class PatchTSTForClassification(PatchTSTHeaded):
    """PatchTST that tells kinds of series apart."""

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__(config)
        self.head = PatchTSTClassificationHead(config)

    def forward(
        self,
        past_values: Tensor | None = None,
        target_values: Tensor | None = None,
        past_observed_mask: Tensor | None = None,
    ) -> PatchTSTForClassificationOutput:
        """target_values: the numbers of classes (B,), or probabilities (B, N)."""
        output = self.run_backbone(past_values, past_observed_mask)
        logits = self.head(pooled(output.last_hidden_state, self.config))
        fields = only(PatchTSTForClassificationOutput, output)
        return PatchTSTForClassificationOutput(class_loss(logits, target_values), logits, **fields)


class PatchTSTPredictionHead(nn.Module):
    """The state of each series -> its future, by one projection or one for each series."""

    def __init__(self, config: PatchTSTConfig, model: SeriesTargets) -> None:
        super().__init__()
        whole = config.pooling_type is None and not config.use_cls_token
        width = config.d_model * (config.patch_count if whole else 1)
        self.dropout = nn.Dropout(config.head_dropout)
        if config.share_projection:
            self.projection = model.projection_from(width)
        else:
            self.projections = nn.ModuleList(model.projection_from(width) for _ in range(config.num_input_channels))
        self.shared = config.share_projection

    def forward(self, x: Tensor) -> Any:
        """States (B, C, ...) -> (B, T, C), or each parameter in this shape."""
        x = self.dropout(x.flatten(2))
        if self.shared:
            predicted = self.projection(x)
        else:
            parts = [project(part) for project, part in zip(self.projections, x.unbind(1), strict=True)]
            several = isinstance(parts[0], tuple)
            predicted = tuple(torch.stack(each, 1) for each in zip(*parts, strict=True)) if several else torch.stack(parts, 1)
        return by_step(predicted)


class PatchTSTForPrediction(SeriesTargets, PatchTSTHeaded):
    """PatchTST that tells how series go on."""

    size_field = "prediction_length"

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__(config)
        self.head = PatchTSTPredictionHead(config, self)

    def forward(
        self,
        past_values: Tensor | None = None,
        past_observed_mask: Tensor | None = None,
        future_values: Tensor | None = None,
    ) -> PatchTSTForPredictionOutput:
        """future_values: the targets (B, prediction_length, C)."""
        output = self.run_backbone(past_values, past_observed_mask)
        predicted = self.head(pooled(output.last_hidden_state, self.config))
        if self.distribution_output is None:
            predicted = predicted * output.scale + output.loc
        loss = None
        if future_values is not None:
            loss = self.targets_loss(predicted, future_values, "future_values", output.loc, output.scale)
        return PatchTSTForPredictionOutput(loss, predicted, **only(PatchTSTForPredictionOutput, output))

    @torch.no_grad()
    def generate(self, past_values: Tensor, past_observed_mask: Tensor | None = None) -> SampleOutput:
        """Futures (B, samples, T, C), drawn; without a distribution the one that is predicted."""
        output = self(past_values, past_observed_mask, return_dict=True)
        if self.distribution_output is None:
            return SampleOutput(output.prediction_outputs[:, None])
        return SampleOutput(self.samples(self.distribution(output.prediction_outputs, output.loc, output.scale)))


class PatchTSTRegressionHead(nn.Module):
    """The states of all series -> N numbers, or the parameters of their distribution."""

    def __init__(self, config: PatchTSTConfig, model: SeriesTargets) -> None:
        super().__init__()
        must_pool(config)
        self.dropout = nn.Dropout(config.head_dropout)
        self.projection = model.projection_from(config.num_input_channels * config.d_model)

    def forward(self, x: Tensor) -> Any:
        """States (B, C, D) -> (B, N), or each parameter."""
        return self.projection(self.dropout(x.flatten(1)))


class PatchTSTForRegression(SeriesTargets, PatchTSTHeaded):
    """PatchTST that tells numbers of all series together."""

    size_field = "num_targets"

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__(config)
        self.head = PatchTSTRegressionHead(config, self)

    def forward(
        self,
        past_values: Tensor | None = None,
        target_values: Tensor | None = None,
        past_observed_mask: Tensor | None = None,
    ) -> PatchTSTForRegressionOutput:
        """target_values: (B, num_targets)."""
        output = self.run_backbone(past_values, past_observed_mask)
        predicted = self.bounded(self.head(pooled(output.last_hidden_state, self.config)))
        loss = None if target_values is None else self.targets_loss(predicted, target_values, "target_values")
        return PatchTSTForRegressionOutput(loss, predicted, **only(PatchTSTForRegressionOutput, output))

    @torch.no_grad()
    def generate(self, past_values: Tensor, past_observed_mask: Tensor | None = None) -> SampleOutput:
        """Numbers (B, samples, N), drawn."""
        output = self(past_values, past_observed_mask=past_observed_mask, return_dict=True)
        samples = self.samples(self.distribution(output.regression_outputs))
        return SampleOutput(samples.view(len(samples), -1, self.config.num_targets))
