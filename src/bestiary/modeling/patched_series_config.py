"""The hyperparameters that models of series in patches publish under the same names. Needs no torch."""

from typing import Literal

from ..core.errors import ConfigError
from ..core.kinds import Amount, Count, Fraction, Length, Natural, Positive, Rate, Size, check
from .config import PreTrainedConfig


class PatchedSeriesConfig(PreTrainedConfig):
    """Base of the configs of models that read `context_length` values of `num_input_channels` series in patches.

    Patches have `patch_length` values and begin `patch_stride` values apart. For pretraining some are hidden (`mask_type`):
    at random, a share of `random_mask_ratio`, or the last ones, `num_forecast_mask_patches`. `scaling` is "mean", "std" or
    null. `loss` is "mse", or "nll", with which values are predicted as a distribution (`distribution_output`).
    """

    num_input_channels: Size = 1
    context_length: Length = 32
    patch_length: Size = 1
    patch_stride: Size = 1
    d_model: Size = 128
    norm_eps: Rate = 1e-5
    positional_encoding_type: Literal["random", "sincos"] = "sincos"
    scaling: Literal["mean", "std"] | bool | None = "std"
    mask_type: Literal["random", "forecast"] = "random"
    random_mask_ratio: Fraction = 0.5
    num_forecast_mask_patches: list[Natural] | Natural | None = None
    channel_consistent_masking: bool | None = False
    unmasked_channel_indices: list[Count] | None = None
    mask_value: float = 0
    loss: Literal["mse", "nll"] | None = "mse"
    distribution_output: Literal["student_t", "normal", "negative_binomial"] = "student_t"
    head_dropout: Rate = 0.0
    prediction_length: Size = 24
    num_targets: Size = 1
    output_range: list[float] | None = None
    num_parallel_samples: Size = 100
    init_std: Amount = 0.02

    def validate(self) -> None:
        counts = (2,) if self.num_forecast_mask_patches is None else self.num_forecast_mask_patches
        self.num_forecast_mask_patches = counts if isinstance(counts, int) else list(counts)
        super().validate()
        name = type(self).__name__
        for scale in ("minimum_scale", "default_scale"):
            check(name, scale, self.get(scale, None), Positive | None)
        if self.context_length <= self.patch_length:
            raise ConfigError(f"{name}: context_length is {self.context_length}, not longer than a patch ({self.patch_length})")
        beyond = [index for index in self.unmasked_channel_indices or () if index >= self.num_input_channels]
        if beyond:
            raise ConfigError(
                f"{name}: unmasked_channel_indices has {beyond[0]}; channels go from 0 to {self.num_input_channels - 1}"
            )
        if self.output_range is not None and len(self.output_range) != 2:
            raise ConfigError(f"{name}: output_range is {self.output_range}; expected the least and the largest number")
        if self.mask_type == "forecast" and not all(count < self.patch_count for count in self.forecast_counts):
            raise ConfigError(f"{name}: num_forecast_mask_patches is {counts}; of {self.patch_count} patches one must stay")

    @property
    def patch_count(self) -> int:
        """P, the number of patches."""
        return (self.context_length - self.patch_length) // self.patch_stride + 1

    @property
    def forecast_counts(self) -> list[int]:
        """How many of the last patches are hidden; each for as many of the rows."""
        counts = self.num_forecast_mask_patches or 2
        return [counts] if isinstance(counts, int) else list(counts)
