"""From a sequence of states to one vector."""

import torch
from torch import Tensor, nn

from .activations import activation


class FirstTokenPooler(nn.Module):
    """act(W x_0 + b), the state of the first token (BERT's [CLS], ViT's class token) through one dense layer."""

    def __init__(self, size: int, output_size: int | None = None, act: str = "tanh") -> None:
        super().__init__()
        self.dense = nn.Linear(size, output_size or size)
        self.act = activation(act)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, output_size). With `padding` (B, T), True where real, the first real token of each row."""
        first = x[:, 0] if padding is None else x[torch.arange(len(x), device=x.device), first_real(padding)]
        return self.act(self.dense(first))


def first_real(padding: Tensor) -> Tensor:
    """Index (B,) of the first real token of each row of (B, T)."""
    return padding.int().argmax(-1)


def last_real(padding: Tensor) -> Tensor:
    """Index (B,) of the last real token of each row of (B, T)."""
    return (padding.int() * torch.arange(padding.shape[-1], device=padding.device)).argmax(-1)
