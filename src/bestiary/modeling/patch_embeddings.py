"""Images as the first layer of ViT and its relatives sees them: tokens of their own, patches, learned positions."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..nn.alias import Alias
from ..nn.init import Starting, constant, normal
from ..nn.patches import check_pixels, grid, pair, stretch
from .config import PreTrainedConfig


class PatchEmbeddings(nn.Module):
    """Each patch flattened and projected: one convolution whose stride is its width."""

    num_channels = Alias("projection.in_channels")

    @property
    def num_patches(self) -> int:
        """Patches of an image of the usual size."""
        return self.grid[0] * self.grid[1]

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        patch, self.grid = pair(config.get("patch_size")), grid(config.get("image_size"), config.get("patch_size"))
        self.projection = nn.Conv2d(config.get("num_channels"), config.get("hidden_size"), kernel_size=patch, stride=patch)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, patches, D)."""
        output: Tensor = self.projection(pixel_values.to(self.projection.weight.dtype)).flatten(2).transpose(1, 2)
        return output


class ImageEmbeddings(Starting):
    """The patches, some of them replaced by a mask token, behind tokens that stand for the whole image; plus learned positions.

    Class attributes:
        patches_class: what makes patches of an image. leading: names of the tokens that come first, in order.
        antialias, interpolation: whether positions are smoothed before they are stretched, and how they are.
        starts_at_zero: whether fresh tokens and positions are zeros.

    Where the config declares `use_absolute_position_embeddings` and says no, there are no positions.
    """

    patches_class: ClassVar[type[Any]] = PatchEmbeddings
    leading: ClassVar[tuple[str, ...]] = ("cls_token",)
    antialias: ClassVar[bool] = False
    interpolation: ClassVar[str] = "bicubic"
    starts_at_zero: ClassVar[bool] = False
    patch_size = Alias("config.patch_size")

    def __init__(self, config: PreTrainedConfig, use_mask_token: bool = False) -> None:
        super().__init__()
        size = config.get("hidden_size")
        self.config = config
        for name in self.leading[:1]:
            self.register_parameter(name, nn.Parameter(torch.zeros(1, 1, size)))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, size)) if use_mask_token else None
        self.patch_embeddings: nn.Module = self.patches_class(config)
        places = len(self.leading) + self.patch_embeddings.num_patches
        has_places = config.get("use_absolute_position_embeddings", True)
        self.position_embeddings = nn.Parameter(torch.zeros(1, places, size)) if has_places else None
        for name in self.leading[1:]:
            self.register_parameter(name, nn.Parameter(torch.zeros(1, 1, size)))
        self.dropout = nn.Dropout(config.get("hidden_dropout_prob"))
        start = constant(0.0) if self.starts_at_zero else normal(config.get("initializer_range"))
        self.starts = dict.fromkeys((*self.leading, *(("position_embeddings",) if has_places else ())), start)
        if use_mask_token:
            self.starts["mask_token"] = constant(0.0)

    def forward(
        self,
        pixel_values: Tensor | None,
        bool_masked_pos: Tensor | None = None,
        interpolate_pos_encoding: bool = False,
    ) -> Tensor:
        """(B, C, Y, X) and the masked patches (B, patches) -> (B, T, D); images of any size with
        `interpolate_pos_encoding`."""
        patch = self.config.get("patch_size")
        image = None if interpolate_pos_encoding else self.config.get("image_size")
        pixels = check_pixels(pixel_values, self.config.get("num_channels"), patch, image)
        x = self.masked(self.patch_embeddings(pixels), bool_masked_pos)
        if self.leading:
            x = torch.cat((*(self.get_parameter(name).expand(len(x), -1, -1) for name in self.leading), x), dim=1)
        if self.position_embeddings is not None:
            trained, target = grid(self.config.get("image_size"), patch), grid(pixels.shape[-2:], patch)
            table, first = self.position_embeddings[0], len(self.leading)
            x = x + stretch(table, trained, target, first, self.antialias, mode=self.interpolation)
        output: Tensor = self.dropout(self.with_tokens(x))
        return output

    def with_tokens(self, x: Tensor) -> Tensor:
        """The tokens (B, T, D) with those that have no position."""
        return x

    def masked(self, x: Tensor, places: Tensor | None) -> Tensor:
        """Patches (B, patches, D), those at `places` (B, patches) replaced by the mask token.

        Raises:
            InputError: there is no mask token, or another number of places.
        """
        if places is not None and self.mask_token is None:
            raise InputError("bool_masked_pos needs a mask token; build the model with use_mask_token=True")
        return x if self.mask_token is None else with_mask_token(x, places, self.mask_token)


def with_mask_token(x: Tensor, places: Tensor | None, token: Tensor) -> Tensor:
    """Patches (B, patches, D), those at `places` (B, patches; None: none) replaced by `token` (..., D).

    Raises:
        InputError: another number of places.
    """
    if places is None:
        return x
    if places.shape != x.shape[:2]:
        raise InputError(f"bool_masked_pos has shape {tuple(places.shape)}; expected {tuple(x.shape[:2])}")
    return torch.where(places.bool().unsqueeze(-1), token.to(x.dtype), x)
