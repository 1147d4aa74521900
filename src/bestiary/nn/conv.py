"""Convolutions under their published names and layouts."""

import torch
from torch import Tensor, nn


class Conv1D(nn.Module):
    """A convolution of width 1, which is a dense layer x W + b whose weight is stored (in, out), as GPT-2 published it.

    Args:
        nf: features out. nx: features in.
    """

    def __init__(self, nf: int, nx: int) -> None:
        super().__init__()
        self.nf, self.nx = nf, nx
        self.weight = nn.Parameter(torch.empty(nx, nf))
        self.bias = nn.Parameter(torch.empty(nf))

    def forward(self, x: Tensor) -> Tensor:
        """(..., nx) -> (..., nf)."""
        return torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], self.nf)

    def extra_repr(self) -> str:
        return f"nf={self.nf}, nx={self.nx}"
