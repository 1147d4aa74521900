"""Maps of several scales made of a transformer's tokens (Ranftl et al. 2021, "Vision transformers for dense prediction")."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..nn.activations import activation


class Readout(nn.Module):
    """Patches and the class token beside each of them, brought back to their width."""

    def __init__(self, size: int, act: str) -> None:
        super().__init__()
        self.add_module("0", nn.Linear(2 * size, size))
        self.act = activation(act)

    def forward(self, input: Tensor) -> Tensor:
        """(B, T, 2 D) -> (B, T, D)."""
        return self.act(self.get_submodule("0")(input))


class ReassembleLayer(nn.Module):
    """A grid of tokens at another width and `factor` times as fine."""

    def __init__(self, size: int, channels: int, factor: float) -> None:
        super().__init__()
        self.projection = nn.Conv2d(size, channels, 1)
        step = int(factor if factor > 1 else 1 / factor)
        self.resize: nn.Module = nn.Identity()
        if factor > 1:
            self.resize = nn.ConvTranspose2d(channels, channels, step, stride=step)
        elif factor < 1:
            self.resize = nn.Conv2d(channels, channels, 3, stride=step, padding=1)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, D, Y, X) -> (B, C, Y * factor, X * factor)."""
        output: Tensor = self.resize(self.projection(hidden_state))
        return output


class Reassemble(nn.Module):
    """States of tokens, the class token first, as maps of several scales.

    Args:
        size: width of the states. channels, factors: of each map.
        readout: what becomes of the class token: "ignore", "add" it to all others, "project" both together.
        act: the activation behind that projection.
        ignored: places among the states of those that are maps already and stay as they are.
    """

    def __init__(
        self,
        size: int,
        channels: Sequence[int],
        factors: Sequence[float],
        readout: str = "ignore",
        act: str = "gelu",
        ignored: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.readout, self.ignored = readout, tuple(ignored)
        self.layers = nn.ModuleList(
            nn.Identity() if place in self.ignored else ReassembleLayer(size, width, factor)
            for place, (width, factor) in enumerate(zip(channels, factors, strict=True))
        )
        if readout == "project":
            self.readout_projects = nn.ModuleList(
                nn.Sequential(nn.Identity()) if place in self.ignored else Readout(size, act) for place in range(len(channels))
            )

    def forward(
        self, hidden_states: Sequence[Tensor], patch_height: int | None = None, patch_width: int | None = None
    ) -> list[Tensor]:
        """States (B, 1 + patches, D), and rows and columns of patches (None: a square) -> maps (B, C, y, x), of several scales.

        Raises:
            ConfigError: the backbone gives no tokens.
        """
        maps = []
        for place, (x, layer) in enumerate(zip(hidden_states, self.layers, strict=True)):
            maps.append(layer(x if place in self.ignored else self.as_grid(place, x, patch_height, patch_width)))
        return maps

    def as_grid(self, place: int, x: Tensor, rows: int | None, columns: int | None) -> Tensor:
        """States (B, 1 + rows * columns, D) as a map (B, D, rows, columns)."""
        if rows is None or columns is None:
            rows = columns = math.isqrt(x.shape[1] - 1)
        if x.dim() != 3 or x.shape[1] != 1 + rows * columns:
            raise ConfigError(
                f"the backbone gives states of shape {tuple(x.shape)}; expected (B, {1 + rows * columns}, D), a class token and"
                " one token for each patch: set reshape_hidden_states=False in its config"
            )
        first, patches = x[:, :1], x[:, 1:]
        if self.readout == "project":
            patches = self.readout_projects[place](torch.cat((patches, first.expand_as(patches)), dim=-1))
        elif self.readout == "add":
            patches = patches + first
        return patches.transpose(1, 2).reshape(len(x), -1, rows, columns)
