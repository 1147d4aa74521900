"""Maps of four finenesses, made of four maps of one fineness: a transformer's over patches (Bao et al. 2022, BEiT)."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ..core.errors import ConfigError


def add_pyramid(model: nn.Module, size: int) -> None:
    """Give `model` what makes maps 4, 2, 1 and half as fine as patches."""

    def twice() -> nn.Module:
        return nn.ConvTranspose2d(size, size, kernel_size=2, stride=2)

    model.fpn1 = nn.Sequential(twice(), nn.BatchNorm2d(size), nn.GELU(), twice())
    model.fpn2 = nn.Sequential(twice())
    model.fpn3, model.fpn4 = nn.Identity(), nn.MaxPool2d(kernel_size=2, stride=2)


def pyramid(model: Any, maps: Sequence[Tensor]) -> list[Tensor]:
    """Four maps (B, D, y, x) made 4, 2, 1 and half as fine."""
    return [step(each) for step, each in zip((model.fpn1, model.fpn2, model.fpn3, model.fpn4), maps, strict=True)]


def check_four(config: Any) -> None:
    """Refuse configs that do not name four stages.

    Raises:
        ConfigError: other than four.
    """
    if len(config.out_indices or ()) != 4:
        raise ConfigError(
            f"{type(config).__name__}: out_indices is {config.out_indices}; a pyramid is made of the maps of 4 stages, such as"
            " [3, 5, 7, 11] of a model of 12 layers"
        )
