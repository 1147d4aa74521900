"""What models that predict a set of masks are made of, whatever stands between (Cheng et al. 2021, MaskFormer)."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from ..nn.init import Starting, spread_evenly, uniform
from .backbone import build_backbone
from .backbone_config import BackboneConfig
from .stack import Stack


class PixelLevel(nn.Module):
    """A backbone, and a decoder of its maps. `maps` hands the backbone's maps on, which shows them.

    Args:
        decoder: makes the decoder, of how many channels each map has.
    """

    def __init__(self, backbone: BackboneConfig, decoder: Callable[[list[int]], nn.Module]) -> None:
        super().__init__()
        self.encoder = build_backbone(backbone)
        self.decoder = decoder(self.encoder.channels)
        self.maps = nn.ModuleList(nn.Identity() for _ in self.encoder.channels)

    def forward(self, pixel_values: Tensor | None) -> tuple[Tensor, Any]:
        """(B, C, Y, X) -> the last map of the backbone, and what the decoder makes of all."""
        features = self.encoder(pixel_values, return_dict=True).feature_maps
        features = [show(each) for show, each in zip(self.maps, features, strict=True)]
        return features[-1], self.decoder(features)


MAPS = {"encoder_": Stack("pixel_level_module.maps", states=("pixel_level_module.maps",))}
"""The states of a backbone are its maps."""


class PredictionBlock(nn.Sequential):
    """A dense layer and what follows it."""

    def __init__(self, inner: int, outer: int, activation: nn.Module) -> None:
        super().__init__(nn.Linear(inner, outer), activation)


class PredictionHead(nn.Sequential, Starting):
    """Dense layers of these `sizes` with ReLU between them.

    Args:
        gain: of `spread_evenly`, by which weights start; None starts all numbers as `torch.nn.Linear` does.
    """

    def __init__(self, sizes: list[int], gain: float | None) -> None:
        last = len(sizes) - 2
        pairs = pairwise(sizes)
        super().__init__(
            *(PredictionBlock(*pair, nn.Identity() if number == last else nn.ReLU()) for number, pair in enumerate(pairs))
        )
        as_torch = {
            f"{number}.0.{name}": uniform(width**-0.5) for number, width in enumerate(sizes[:-1]) for name in ("weight", "bias")
        }
        self.starts = as_torch if gain is None else spread_evenly(self, gain)
