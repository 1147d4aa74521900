"""Points, boxes and masks as what a mask decoder reads: tokens and a map (Kirillov et al. 2023, "Segment anything", 3)."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..nn.activations import activation
from ..nn.channel_norm import ChannelNorm
from ..nn.fourier_positions import FourierPositions

PADDING = -10  # the label of a point that is not there
NOWHERE = -1  # the label of a point that stands for no place


def rows(table: nn.Embedding, device: torch.device) -> Tensor:
    """All rows of a table, by its own forward."""
    output: Tensor = table(torch.arange(table.num_embeddings, device=device))
    return output


class MaskEmbedding(nn.Module):
    """A mask as a map a fourth as high and wide."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        wide, eps = config.mask_input_channels, config.layer_norm_eps
        self.activation = activation(config.hidden_act)
        self.conv1 = nn.Conv2d(1, wide // 4, kernel_size=2, stride=2)
        self.conv2 = nn.Conv2d(wide // 4, wide, kernel_size=2, stride=2)
        self.conv3 = nn.Conv2d(wide, config.hidden_size, kernel_size=1)
        self.layer_norm1 = ChannelNorm(wide // 4, eps)
        self.layer_norm2 = ChannelNorm(wide, eps)

    def forward(self, masks: Tensor) -> Tensor:
        """(B, 1, 4 y, 4 x) -> (B, D, y, x)."""
        x = self.activation(self.layer_norm1(self.conv1(masks)))
        output: Tensor = self.conv3(self.activation(self.layer_norm2(self.conv2(x))))
        return output


class PromptEncoder(nn.Module):
    """Tokens (B, P, N, D) of points and boxes, and the map (B or 1, D, y, x) of a mask.

    Class attribute `separate_kinds`: whether each kind of point has a table of its own. `closed_boxes`: whether a token that
    stands for no place comes behind the corners of a box. `point_kinds`: of how many kinds, labelled from 0 on, points are.
    """

    separate_kinds: ClassVar[bool] = True
    closed_boxes: ClassVar[bool] = False
    point_kinds: ClassVar[int] = 2

    def __init__(self, config: Any, places: FourierPositions) -> None:
        super().__init__()
        size, count = config.hidden_size, config.num_point_embeddings
        side = config.image_size // config.patch_size
        self.shared_embedding = places
        self.mask_embed = MaskEmbedding(config)
        self.no_mask_embed = nn.Embedding(1, size)
        self.image_embedding_size, self.input_image_size = (side, side), config.image_size
        if self.separate_kinds:
            self.point_embed: nn.Module = nn.ModuleList(nn.Embedding(1, size) for _ in range(count))
        else:
            self.point_embed = nn.Embedding(count, size)
        self.not_a_point_embed = nn.Embedding(1, size)
        self.hidden_size = size

    def kinds(self, device: torch.device) -> Tensor:
        """What each kind of point adds, (kinds, D)."""
        tables: Any = list(self.point_embed.children()) or [self.point_embed]
        return torch.cat([rows(table, device) for table in tables])

    def points(self, places: Tensor, labels: Tensor, pad: bool) -> Tensor:
        """Points (B, P, N, 2) and labels (B, P, N) -> (B, P, N, D), with `pad` behind them one that stands for no place."""
        places = places + 0.5
        if pad:
            places = torch.cat((places, torch.zeros_like(places[:, :, :1])), dim=2)
            labels = torch.cat((labels, torch.full_like(labels[:, :, :1], NOWHERE)), dim=2)
        labels = labels.unsqueeze(-1)
        table = self.kinds(places.device)
        x: Tensor = self.shared_embedding(places, (self.input_image_size, self.input_image_size))
        x = torch.where(labels == NOWHERE, rows(self.not_a_point_embed, x.device), x)
        x = torch.where(labels == PADDING, torch.zeros_like(x), x)
        for kind in range(self.point_kinds):
            x = torch.where(labels == kind, x + table[kind], x)
        return x

    def boxes(self, boxes: Tensor) -> Tensor:
        """Boxes (B, P, 4), corner and corner -> (B, P, 2 or 3, D)."""
        corners = (boxes + 0.5).unflatten(-1, (2, 2))
        x: Tensor = (
            self.shared_embedding(corners, (self.input_image_size, self.input_image_size)) + self.kinds(boxes.device)[2:4]
        )
        if self.closed_boxes:
            x = torch.cat((x, rows(self.not_a_point_embed, x.device).expand(*x.shape[:2], 1, -1)), dim=2)
        return x

    def forward(
        self,
        input_points: Tensor | None,
        input_labels: Tensor | None,
        input_boxes: Tensor | None,
        input_masks: Tensor | None,
        *,
        device: torch.device | None = None,
    ) -> tuple[Tensor | None, Tensor]:
        """Args:
            input_points: (B, P, N, 2), across and down, in pixels. input_labels: (B, P, N): 1 inside of the object, 0 outside,
                -1 no place, -10 padding. input_boxes: (B, P, 4). input_masks: (B, 1, 4 y, 4 x).
            device: where the results are, by default where prompts are, or the weights.

        Raises:
            InputError: points without labels; a mask of another size.
        """
        given = next((each for each in (input_points, input_boxes, input_masks) if each is not None), None)
        device = (self.no_mask_embed.weight if given is None else given).device if device is None else device
        tokens, batch = [], 1
        if input_points is not None:
            if input_labels is None:
                raise InputError("input_points need input_labels: 1 for a point of the object, 0 for one outside of it")
            batch = len(input_points)
            tokens.append(self.points(input_points, input_labels, pad=input_boxes is None))
        if input_boxes is not None:
            batch = len(input_boxes)
            tokens.append(self.boxes(input_boxes))
        height, width = self.image_embedding_size
        if input_masks is None:
            dense = rows(self.no_mask_embed, device).view(1, -1, 1, 1).expand(batch, -1, height, width)
        else:
            expected = (4 * height, 4 * width)
            if input_masks.dim() != 4 or input_masks.shape[1] != 1 or input_masks.shape[2:] != expected:
                raise InputError(
                    f"input_masks have shape {tuple(input_masks.shape)}; expected (batch, 1, {expected[0]}, {expected[1]}),"
                    " as pred_masks of an earlier call have it for each mask"
                )
            dense = self.mask_embed(input_masks.to(self.no_mask_embed.weight.dtype))
        return torch.cat(tokens, dim=2) if tokens else None, dense
