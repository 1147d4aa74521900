"""What brings series of different size to one size: each is shifted by `loc` and divided by `scale`, both of its own values.

All take values (B, T) or (B, T, C) and which of them were observed, 1 or 0 in the same shape, and give the scaled values, loc
and scale, these (B, 1) or (B, 1, C).
"""

import torch
from torch import Tensor, nn

Scaled = tuple[Tensor, Tensor, Tensor]


class MeanScaler(nn.Module):
    """Divides by the mean of absolute values (Salinas et al. 2020, DeepAR).

    Args:
        minimum_scale: the least divisor. default_scale: that of a series without an observed value; None: the batch's mean.
    """

    def __init__(self, minimum_scale: float = 1e-10, default_scale: float | None = None) -> None:
        super().__init__()
        self.minimum_scale, self.default_scale = minimum_scale, default_scale

    def forward(self, data: Tensor, observed_indicator: Tensor) -> Scaled:
        total, count = (data * observed_indicator).abs().sum(1, keepdim=True), observed_indicator.sum(1, keepdim=True)
        scale = total / count.clamp(min=1)
        if self.default_scale is None:
            otherwise = total.sum(0) / count.sum(0).clamp(min=1)
        else:
            otherwise = torch.full_like(scale, self.default_scale)
        scale = torch.where(count > 0, scale, otherwise).clamp(min=self.minimum_scale)
        return data / scale, torch.zeros_like(scale), scale


class StdScaler(nn.Module):
    """Subtracts the mean and divides by the standard deviation; `minimum_scale` is added to the variance."""

    def __init__(self, minimum_scale: float = 1e-5) -> None:
        super().__init__()
        self.minimum_scale = minimum_scale

    def forward(self, data: Tensor, observed_indicator: Tensor) -> Scaled:
        count = observed_indicator.sum(1, keepdim=True).clamp(min=1)
        loc = (data * observed_indicator).sum(1, keepdim=True) / count
        variance = ((data - loc) * observed_indicator).square().sum(1, keepdim=True) / count
        scale = (variance + self.minimum_scale).sqrt()
        return (data - loc) / scale, loc, scale


class NoScaler(nn.Module):
    """Leaves values as they are: loc 0, scale 1."""

    def forward(self, data: Tensor, observed_indicator: Tensor) -> Scaled:
        loc = torch.zeros_like(data[:, :1])
        return data, loc, torch.ones_like(loc)


def scaler_for(scaling: str | bool | None, minimum_scale: float | None = None, default_scale: float | None = None) -> nn.Module:
    """The scaler that a config names: "mean" or True, "std", or none (None or False)."""
    least = {} if minimum_scale is None else {"minimum_scale": minimum_scale}
    if scaling == "std":
        return StdScaler(**least)
    return MeanScaler(**least, default_scale=default_scale) if scaling else NoScaler()
