"""The floor of models that read series in patches: scaling, masking, positions, and the targets of heads."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..core.errors import InputError
from ..core.outputs import ModelOutput
from ..nn.attention import merge_heads, split_heads
from ..nn.distributions import NegativeBinomialOutput, distribution_output
from ..nn.init import Starting, normal
from ..nn.losses import check_classes
from ..nn.scalers import scaler_for
from ..nn.series import check_series
from ..nn.series_patches import forecast_mask, patched, random_mask, start_sinusoids
from ..nn.values import is_true
from .base import PreTrainedModel
from .config import PreTrainedConfig
from .heads.headed import Headed
from .patched_series_config import PatchedSeriesConfig
from .seq2seq_layers import Seq2SeqAttention


@dataclass
class Patches:
    """Patches (B, C, P, length) before and after masking, what is masked (B, C, P), and loc and scale (B, 1, C)."""

    whole: Tensor
    read: Tensor
    mask: Tensor | None
    loc: Tensor
    scale: Tensor


class StepNorm(nn.Module):
    """Batch norm of states (..., T, D) over all steps of all series."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.batchnorm = nn.BatchNorm1d(size, eps=eps)

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        output: Tensor = self.batchnorm(inputs.flatten(0, -2)).view(inputs.shape)
        return output


class PatchAttention(Seq2SeqAttention):
    """Attention of states (R, T, D) to themselves; what is computed between series is not `recorded`."""

    def forward(self, x: Tensor, recorded: bool = True) -> Tensor:  # type: ignore[override]
        query, (key, value) = split_heads(self.q_proj(x), self.head_dim), self.keys_values(x)
        attend = self.attend if recorded else self.attend.forward
        mixed: Any = attend(query, key, value)
        output: Tensor = self.out_proj(merge_heads(mixed))
        return output


class PatchPositions(Starting):
    """A table of positions (P, D): sinusoids that are not trained, or random numbers that are."""

    def __init__(self, kind: str, count: int, size: int, deviation: float = 1.0) -> None:
        super().__init__()
        self.position_enc = nn.Parameter(torch.empty(count, size), requires_grad=kind == "random")
        self.starts = {"position_enc": normal(deviation) if kind == "random" else start_sinusoids}


class PatchedSeriesModel(PreTrainedModel):
    """Scaler and masks of a model without a head.

    Class attributes:
        usual_scaling: what `scaling` true stands for.
    """

    usual_scaling: ClassVar[str] = "mean"
    main_input_name = "past_values"
    config: Any

    def __init__(self, config: PatchedSeriesConfig, hides_patches: bool = False) -> None:
        super().__init__(config)
        self.hides_patches = hides_patches
        scaling = self.usual_scaling if config.scaling is True else config.scaling
        self.scaler = scaler_for(scaling, config.get("minimum_scale", None), config.get("default_scale", None))

    def patches(self, past_values: Any, observed: Any, name: str = "past_observed_mask") -> Patches:
        """What the encoder reads of past_values (B, context_length, C), of which `observed`, in the same shape, were observed.

        Raises:
            InputError: something else, or NaN.
        """
        config = self.config
        shape, what = (None, config.context_length, config.num_input_channels), " (context_length and num_input_channels)"
        values = check_series(past_values, "past_values", shape, self.dtype, what)
        if observed is None:
            observed = torch.ones_like(values)
        observed = check_series(observed, name, values.shape, self.dtype)
        scaled, loc, scale = self.scaler(values, observed)
        whole = patched(scaled, config.patch_length, config.patch_stride)
        if not self.hides_patches:
            return Patches(whole, whole, None, loc, scale)
        if config.mask_type == "random":
            mask = random_mask(whole, config.random_mask_ratio, bool(config.channel_consistent_masking))
        else:
            mask = forecast_mask(whole, config.forecast_counts)
        if config.unmasked_channel_indices:
            channels = torch.arange(mask.shape[1], device=mask.device)
            mask = mask & ~torch.isin(channels, channels[config.unmasked_channel_indices])[:, None]
        return Patches(whole, whole.masked_fill(mask[..., None], config.mask_value), mask, loc, scale)


def by_step(x: Tensor | tuple[Tensor, ...]) -> Any:
    """Predictions (B, C, T) of each series, or each of their parameters, as (B, T, C); a single step may have no dimension."""
    if isinstance(x, tuple):
        return tuple(map(by_step, x))
    return x.transpose(1, 2) if x.dim() == 3 else x[:, None]


def masked_mse(predicted: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    """The mean squared error of the patches (B, C, P, length) that `mask` (B, C, P) hides."""
    return ((predicted - patches).square().mean(dim=-1) * mask).sum() / (mask.sum() + 1e-10)


class SeriesTargets(Headed):
    """A head that predicts numbers, or a distribution of each of them where `config.loss` is not "mse".

    Class attributes:
        size_field: the field of the config that says of how many numbers a distribution is.
    """

    size_field: ClassVar[str]
    config: Any

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        plain = config.get("loss") == "mse"
        self.distribution_output = (
            None if plain else distribution_output(config.get("distribution_output"), config.get(self.size_field))
        )

    def projection_from(self, width: int) -> nn.Module:
        """The layer that makes predictions, or parameters, of states (..., width)."""
        if self.distribution_output is None:
            return nn.Linear(width, self.config.get(self.size_field))
        return self.distribution_output.get_parameter_projection(width)

    def distribution(self, parameters: Any, loc: Tensor | None = None, scale: Tensor | None = None) -> Distribution:
        """The distribution that the head predicts.

        Raises:
            InputError: it predicts numbers alone.
        """
        if self.distribution_output is None:
            raise InputError("this model was built with loss='mse' and predicts no distribution to draw from; use its forward")
        return self.distribution_output.distribution(parameters, loc, scale)

    def targets_loss(self, predicted: Any, targets: Tensor, name: str, *sizes: Tensor) -> Tensor:
        """Mean squared error of predictions, or mean negative log likelihood of targets in the same shape.

        Raises:
            InputError: targets of another shape, or that are no counts where counts are predicted.
        """
        shape = predicted.shape if isinstance(predicted, Tensor) else predicted[0].shape
        if isinstance(targets, Tensor) and len(shape) == 1 and targets.dim() == 2 and targets.shape[-1] == 1:
            targets = targets.squeeze(-1)  # one target of each row
        values = check_series(targets, name, shape, self.dtype)
        if self.distribution_output is None:
            return nn.functional.mse_loss(predicted, values)
        counts = isinstance(self.distribution_output, NegativeBinomialOutput)
        if counts and is_true(((values < 0) | (values != values.round())).any()):
            raise InputError(f"{name} hold what is no count; a negative_binomial gives whole numbers from 0 on")
        return -self.distribution(predicted, *sizes).log_prob(values).mean()

    def bounded(self, predicted: Any) -> Any:
        """Predictions within `config.output_range`, where there is one."""
        if self.distribution_output is not None or self.config.output_range is None:
            return predicted
        least, most = self.config.output_range
        return predicted.sigmoid() * (most - least) + least

    def samples(self, distribution: Distribution) -> Tensor:
        """Futures (B, samples, ...), drawn one after the other."""
        return torch.stack([distribution.sample() for _ in range(self.config.num_parallel_samples)], dim=1)


def class_loss(logits: Tensor, targets: Tensor | None) -> Tensor | None:
    """Cross entropy of logits (B, N) and the numbers of classes (B,), or probabilities (B, N)."""
    if targets is None:
        return None
    if isinstance(targets, Tensor) and targets.is_floating_point():
        targets = check_series(targets, "target_values", logits.shape, logits.dtype)
    else:
        if not isinstance(targets, Tensor) or targets.shape != logits.shape[:1]:
            raise InputError(f"target_values are {targets!r:.60}; expected the class of each of {len(logits)} rows")
        targets = check_classes(targets, logits.shape[-1], "target_values")
    return nn.functional.cross_entropy(logits, targets)


@dataclass
class SampleOutput(ModelOutput):
    """`sequences`: (B, samples, T, C) of predictions, (B, samples, N) of regressions."""

    sequences: Tensor | None = None
