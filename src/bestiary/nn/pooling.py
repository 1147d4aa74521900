"""From a sequence of states to one vector."""

import torch
from torch import Tensor, nn

from ..core.logging import warn_once
from ..core.signatures import is_of_the_library
from .activations import activation
from .values import is_true


class FirstTokenPooler(nn.Module):
    """act(W x_0 + b), the state of the first token (BERT's [CLS], ViT's class token) through one dense layer."""

    def __init__(self, size: int, output_size: int | None = None, act: str = "tanh") -> None:
        super().__init__()
        self.dense = nn.Linear(size, output_size or size)
        self.activation = activation(act)

    def forward(self, hidden_states: Tensor, padding: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, output_size). With `padding` (B, T), True where real, the first real token of each row."""
        return self.activation(self.dense(first_state(hidden_states, padding)))


def pool(pooler: nn.Module, x: Tensor, padding: Tensor | None) -> Tensor:
    """What `pooler` makes of states (B, T, D); a user's gets these alone, as published, ours also `padding` (B, T)."""
    state: Tensor = pooler(x, padding) if is_of_the_library(type(pooler).forward) else pooler(x)
    return state


def first_state(x: Tensor, padding: Tensor | None) -> Tensor:
    """(B, T, D) -> (B, D): the state of the first token, or of the first real one where `padding` (B, T) is True where real."""
    if padding is None:
        return x[:, 0]
    return x.gather(1, first_real(padding)[:, None, None].expand(-1, 1, x.shape[2])).squeeze(1)


def mean_state(x: Tensor, padding: Tensor | None) -> Tensor:
    """(B, T, D) -> (B, D): the mean of the states, of the real ones where `padding` (B, T) is True where real."""
    if padding is None:
        return x.mean(dim=1)
    return (x * padding.unsqueeze(-1)).sum(dim=1) / padding.sum(dim=1, keepdim=True)


def first_real(padding: Tensor) -> Tensor:
    """Index (B,) of the first real token of each row of (B, T)."""
    return padding.int().argmax(-1)


def last_real(padding: Tensor) -> Tensor:
    """Index (B,) of the last real token of each row of (B, T)."""
    return (padding.int() * torch.arange(padding.shape[-1], device=padding.device)).argmax(-1)


def end_of_text(ids: Tensor, attention_mask: Tensor | None, end: int | list[int] | None) -> Tensor:
    """Index (B,) of the first real end token of each row of (B, T); padding often has the same id.

    In a row without one, the first token is taken, with a warning; or the end token that the mask hides.

    Args:
        end: the end token, or several; 2 is what configs said while the end token was found as the highest id.
    """
    padding = None if attention_mask is None or attention_mask.dim() != 2 else attention_mask == 0
    if end == 2:
        return (ids if padding is None else ids.masked_fill(padding, -1)).argmax(-1)
    ends = torch.isin(ids, torch.tensor(end, device=ids.device))
    real = ends if padding is None else ends & ~padding
    has_end = real.any(-1)
    if is_true((~has_end).any()):
        warn_once(
            "no-end-token",
            f"row {int(has_end.int().argmin())} of input_ids has no end token ({end}) outside of padding, whose state is a"
            " text's vector; its first token's is taken (the tokenizer adds the end token)",
        )
    return torch.where(has_end, real.int().argmax(-1), ends.int().argmax(-1))
