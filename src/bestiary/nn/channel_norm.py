"""Layer norm of feature maps, over the channels at each place."""

from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer norm (Ba et al. 2016) over the channels of maps (B, C, Y, X), or, with `last`, (B, Y, X, C)."""

    def __init__(self, size: int, eps: float, last: bool = False) -> None:
        super().__init__(size, eps)
        self.last = last

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        return super().forward(features) if self.last else super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
