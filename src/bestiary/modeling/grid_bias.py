"""Biases on the scores of tokens of an image, one for each distance of two patches (Bao et al. 2022, BEiT)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..nn.init import Starting, constant
from ..nn.patches import grid
from ..nn.windows import grid_biases
from .config import PreTrainedConfig


class GridBias(Starting):
    """A trained bias for each head and distance in the grid of patches, and three with the class token.

    The table ((2 Y - 1) (2 X - 1) + 3, H) has the distances row by row, and last the biases of patches as the class token sees
    them, of the class token as patches see it, and as it sees itself. As published, the distances of an oblong grid are read as
    those of one with its sides exchanged, and stretched.
    """

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        rows, columns = grid(config.get("image_size"), config.get("patch_size"))
        self.distances = 2 * rows - 1, 2 * columns - 1
        places = self.distances[0] * self.distances[1] + 3
        self.relative_position_bias_table = torch.nn.Parameter(torch.zeros(places, config.get("num_attention_heads")))
        self.starts = {"relative_position_bias_table": constant(0.0)}

    def forward(self, rows: int, columns: int) -> Tensor:
        """Of a grid of patches behind a class token (1, H, T, T); of another one than the trained by bilinear interpolation."""
        distances = self.relative_position_bias_table[:-3].unflatten(0, self.distances[::-1])
        target = 2 * rows - 1, 2 * columns - 1
        if distances.shape[:2] != target:
            image = distances.permute(2, 0, 1)[None]
            distances = F.interpolate(image, size=target, mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
        seen, seeing, own = self.relative_position_bias_table[-3:, :, None, None]
        pairs = grid_biases(distances)
        places = pairs.shape[-1]
        first = torch.cat((own, seen.expand(-1, 1, places)), dim=2)
        return torch.cat((first, torch.cat((seeing.expand(-1, places, 1), pairs), dim=2)), dim=1)[None]
