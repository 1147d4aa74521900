"""Depth as a weighed mean of centres of bins, as ZoeDepth has it (Bhat et al. 2023, section 3.2)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from . import ZoeDepthConfig

_SHARE = 1e-3  # what is added to each width and attractor, so that none is 0
_PROBABILITY = 1e-4  # what is added to each of two numbers that are made shares of one another
_LOGARITHM = 1e-7  # what is added before logarithms of counts


def resized(x: Tensor, like: Tensor) -> Tensor:
    """(B, C, y, x) at the height and width of `like`."""
    return interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)


class ZoeDepthProjector(nn.Module):
    """conv(relu(conv(x))), place by place."""

    def __init__(self, in_features: int, out_features: int, mlp_dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_features, mlp_dim, 1)
        self.act = nn.ReLU()
        self.conv2 = nn.Conv2d(mlp_dim, out_features, 1)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y, X)."""
        output: Tensor = self.conv2(self.act(self.conv1(hidden_state)))
        return output


class ZoeDepthSeedBinRegressor(nn.Module):
    """The first centres of bins at each place of the coarsest map."""

    def __init__(self, config: ZoeDepthConfig, n_bins: int, mlp_dim: int, min_depth: float, max_depth: float) -> None:
        super().__init__()
        self.normed, self.min_depth, self.max_depth = config.bin_centers_type == "normed", min_depth, max_depth
        self.conv1 = nn.Conv2d(config.bottleneck_features, mlp_dim, 1)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(mlp_dim, n_bins, 1)
        self.act2 = nn.ReLU(inplace=True) if self.normed else nn.Softplus()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, Y, X) -> widths of bins as shares, or centres, and centres in metres (B, N, Y, X)."""
        bins = self.act2(self.conv2(self.act1(self.conv1(x))))
        if not self.normed:
            return bins, bins
        shares = (bins + _SHARE) / (bins + _SHARE).sum(1, keepdim=True)
        widths = pad((self.max_depth - self.min_depth) * shares, (0, 0, 0, 0, 1, 0), value=self.min_depth)
        edges = widths.cumsum(1)
        return shares, 0.5 * (edges[:, :-1] + edges[:, 1:])


class ZoeDepthAttractor(nn.Module):
    """Centres of bins at a finer scale: they move towards the attractors that each place has."""

    def __init__(self, config: ZoeDepthConfig, n_attractors: int, min_depth: float, max_depth: float) -> None:
        super().__init__()
        self.normed, self.min_depth, self.max_depth = config.bin_centers_type == "normed", min_depth, max_depth
        self.n_attractors, self.kind = n_attractors, config.attractor_kind
        size = config.bin_embedding_dim
        self.conv1 = nn.Conv2d(size, size, 1)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(size, n_attractors * (2 if self.normed else 1), 1)
        self.act2 = nn.ReLU(inplace=True) if self.normed else nn.Softplus()

    def forward(
        self, x: Tensor, prev_bin: Tensor, prev_bin_embedding: Tensor | None = None, interpolate: bool = True
    ) -> tuple[Tensor, Tensor]:
        """A map (B, D, Y, X), centres (B, N, y, x) and the map they came from -> centres for the next scale, and in metres."""
        if prev_bin_embedding is not None:
            x = x + (resized(prev_bin_embedding, x) if interpolate else prev_bin_embedding)
        attractors = self.act2(self.conv2(self.act1(self.conv1(x))))
        centers = resized(prev_bin, attractors)
        if self.normed:
            attractors = (attractors + _SHARE).unflatten(1, (self.n_attractors, 2))[:, :, 0]
        distance = attractors.unsqueeze(2) - centers.unsqueeze(1)
        pulls = distance / (1 + 300 * distance.square())
        centers = centers + (pulls.mean(1) if self.kind == "mean" else pulls.sum(1))
        if not self.normed:
            return centers, centers
        metres = (self.max_depth - self.min_depth) * centers + self.min_depth
        return centers, metres.sort(dim=1).values.clip(self.min_depth, self.max_depth)


class ZoeDepthConditionalLogBinomialSoftmax(nn.Module):
    """Weights of bins: a binomial distribution over them, whose two parameters a small network tells at each place."""

    def __init__(self, config: ZoeDepthConfig, in_features: int, n_classes: int, bottleneck_factor: int) -> None:
        super().__init__()
        inner = in_features // bottleneck_factor
        self.mlp = nn.Sequential(nn.Conv2d(in_features, inner, 1), nn.GELU(), nn.Conv2d(inner, 4, 1), nn.Softplus())
        self.n_classes, self.min_temp, self.max_temp = n_classes, config.min_temp, config.max_temp

    def forward(self, main_feature: Tensor, condition_feature: Tensor) -> Tensor:
        """(B, C, Y, X) and (B, D, Y, X) -> (B, N, Y, X), whose sums are 1."""
        numbers = self.mlp(torch.cat((main_feature, condition_feature), dim=1)) + _PROBABILITY
        probability = numbers[:, :1] / (numbers[:, :1] + numbers[:, 1:2])
        share = numbers[:, 2:3] / (numbers[:, 2:3] + numbers[:, 3:])
        temperature = (self.max_temp - self.min_temp) * share + self.min_temp
        return self.weights(probability, temperature)

    def weights(self, probability: Tensor, temperature: Tensor) -> Tensor:
        """Two maps (B, 1, Y, X) -> (B, N, Y, X); the coefficients by Stirling's formula."""
        last = self.n_classes - 1
        places = torch.arange(self.n_classes, device=probability.device, dtype=torch.long).view(1, -1, 1, 1)
        n = torch.tensor([last], device=probability.device).view(1, -1, 1, 1) + _LOGARITHM
        k = places + _LOGARITHM
        coefficients = n * n.log() - k * k.log() - (n - k) * (n - k + _LOGARITHM).log()
        other = (1 - probability).clamp(_PROBABILITY, 1)
        probability = probability.clamp(_PROBABILITY, 1)
        scores = coefficients + places * probability.log() + (last - places) * other.log()
        weights: Tensor = (scores / temperature).softmax(dim=1)
        return weights


def seeds(centers: Tensor, config: ZoeDepthConfig, bins: dict[str, Any]) -> Tensor:
    """Centres in metres as the first attractor takes them."""
    if config.bin_centers_type != "normed":
        return centers
    low, high = float(bins["min_depth"]), float(bins["max_depth"])
    return (centers - low) / (high - low)
