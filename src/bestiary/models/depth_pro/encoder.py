"""What Depth Pro's encoders see of an image, as maps. Parameter names are the published ones."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, unfold

from ...core.errors import InputError
from ...modeling.backbone_config import BackboneConfig
from ...modeling.families import family, tasks_of
from ...nn.masks import make_mask
from ...nn.patches import pair
from . import DepthProConfig


def cut(images: Tensor, patch: int, overlap: float) -> Tensor:
    """Images (B, C, Y, X) -> patches (N * B, C, patch, patch), row by row, those of one place of all images together."""
    channels = images.shape[1]
    columns = unfold(images, kernel_size=patch, stride=int(patch * (1 - overlap)))  # (B, C * patch * patch, N)
    return columns.permute(2, 0, 1).reshape(-1, channels, patch, patch)


def merged(maps: Tensor, batch: int, border: int) -> Tensor:
    """Maps of patches (N * B, D, y, x) as one map for each image.

    They are taken to lie in a square, as published: of a grid that is none the last patches are left out.

    Args:
        border: how many places are left out at each edge that another patch adjoins, at most a quarter of a map.
    """
    count, size = len(maps) // batch, maps.shape[-1]
    side = int(count**0.5)
    if side < 2:
        return maps
    border = min(size // 4, border)

    def kept(place: int) -> slice:
        return slice(border if place else 0, size - border if place + 1 < side else size)

    cells = maps.unflatten(0, (count, batch))
    rows = [
        torch.cat([cells[row * side + column][..., kept(row), kept(column)] for column in range(side)], dim=-1)
        for row in range(side)
    ]
    return torch.cat(rows, dim=-2)


def in_rows(states: Tensor) -> Tensor:
    """States (B, 1 + patches, D) of square images -> maps (B, D, y, x), without the class token."""
    side = int((states.shape[1] - 1) ** 0.5)
    maps: Tensor = states[:, 1:].transpose(1, 2).unflatten(-1, (side, side))
    return maps


def of_size(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (B, D, y, x) in another height and width, bilinear."""
    return interpolate(maps, size=size, mode="bilinear", align_corners=False)


def coarsest(images: Tensor, config: BackboneConfig) -> tuple[int, int]:
    """Height and width of the coarsest map of images: halved as often as their width may be, down to an encoder's map."""
    height, width = images.shape[-2:]
    columns = pair(config.get("image_size"))[1] // pair(config.get("patch_size"))[1]
    parts = 1 << ((width // columns).bit_length() - 1)
    return height // parts, width // parts


class DepthProImageEncoder(nn.Module):
    """DINOv2 that looks at a whole image."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.model = getattr(family(config.model_type), tasks_of(config.model_type)["base"])(config)

    def states(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X), scaled to the size that the encoder was trained on -> its last states (B, T, D)."""
        pixels = of_size(pixel_values, pair(self.model.config.image_size))
        states: Tensor = self.model(pixels, return_dict=True).last_hidden_state
        return states

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, Y, X) -> the last states (B, T, D) and their map (B, D, y, x)."""
        states = self.states(pixel_values)
        return states, of_size(in_rows(states), coarsest(pixel_values, self.model.config))


class DepthProPatchEncoder(nn.Module):
    """DINOv2 that looks at the patches of an image at several scales."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__()
        self.config, inner = config, config.patch_model_config
        self.model = getattr(family(inner.model_type), tasks_of(inner.model_type)["base"])(inner)

    def states(self, patches: Tensor) -> list[Tensor]:
        """Patches (N, C, Y, X) -> the states (N, T, D) behind the embeddings and each block, the last ones normed."""
        x = self.model.embeddings(patches)
        states = self.model.encoder(x, make_mask(x.shape[1], x.device, None, causal=False))
        return [*states, self.model.layernorm(states[-1])]

    def forward(self, pixel_values: Tensor) -> list[Tensor]:
        """(B, C, Y, X) -> maps of each scale, coarse to fine, then those of inner blocks, as fine as the last.

        Raises:
            InputError: an image is smaller than a patch at the smallest scale, or so oblong that two patches are no square.
        """
        config, batch = self.config, len(pixel_values)
        ratios, patch = config.scaled_images_ratios, config.patch_size
        if min(pixel_values.shape[-2:]) * ratios[0] < patch:
            found = " x ".join(map(str, pixel_values.shape[-2:]))
            raise InputError(
                f"images of {found} pixels are, scaled by {ratios[0]} (scaled_images_ratios), smaller than a patch of {patch};"
                " resize them with the model's image processor"
            )
        scaled = [interpolate(pixel_values, scale_factor=ratio, mode="bilinear", align_corners=False) for ratio in ratios]
        patches = [
            cut(images, patch, overlap) for images, overlap in zip(scaled, config.scaled_images_overlap_ratios, strict=True)
        ]
        counts = [len(each) for each in patches]
        if batch and any(1 < count // batch < 4 for count in counts):
            found = " x ".join(map(str, pixel_values.shape[-2:]))
            raise InputError(
                f"images of {found} pixels are cut into {', '.join(str(count // batch) for count in counts)} patches at their"
                " scales (scaled_images_ratios); two or three make no square. Resize them with the model's image processor"
            )
        states = self.states(torch.cat(patches[::-1]))  # the finest first
        height, width = coarsest(pixel_values, config.patch_model_config)

        def to_map(states: Tensor, place: int) -> Tensor:
            border = int(config.merge_padding_value / ratios[place])
            return of_size(merged(in_rows(states), batch, border), (height * 2**place, width * 2**place))

        last = states[-1].split(counts[::-1])[::-1]
        maps = [to_map(each, place) for place, each in enumerate(last)]
        finest = len(ratios) - 1
        return maps + [to_map(states[1 + block][: counts[-1]], finest) for block in config.intermediate_hook_ids]


class DepthProEncoder(nn.Module):
    """Both encoders."""

    def __init__(self, config: DepthProConfig) -> None:
        super().__init__()
        self.patch_encoder = DepthProPatchEncoder(config)
        self.image_encoder = DepthProImageEncoder(config.image_model_config)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, C, Y, X) -> the last states of the whole image, and maps: its own, those of scales, those of inner blocks."""
        maps = self.patch_encoder(pixel_values)
        states, whole = self.image_encoder(pixel_values)
        return states, [whole, *maps]
