"""The pieces of rotary attention that scripts import from LLaMA's old module, over the ones of `nn.rope`."""

import torch
from torch import Tensor

from ..models.llama import LlamaConfig
from ..nn.rope import Rotary, rotate


class LlamaRotaryEmbedding(Rotary):
    """Cosines and sines of positions, as `config.rope_parameters` say."""

    def __init__(self, config: LlamaConfig) -> None:
        head = config.head_dim or config.hidden_size // config.num_attention_heads
        super().__init__(config.rope_parameters or {}, head, config.max_position_embeddings)
        self.config = config

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Positions (B or 1, T) -> cos and sin (B or 1, T, K) in the dtype of `x`."""
        return super().forward(position_ids, x.dtype)

    @property
    def inv_freq(self) -> Tensor:
        """The angle per position (K/2) of the lengths the model was trained on."""
        frequencies = self.fixed or self.kind(self.parameters_, self.size, 0, self.limit)
        return torch.tensor(frequencies.inverse)


def apply_rotary_pos_emb(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> tuple[Tensor, Tensor]:
    """Queries and keys (B, H, T, K), or (B, T, H, K) with `unsqueeze_dim=2`, turned by the angles (B or 1, T, K)."""
    if unsqueeze_dim == 2:
        q, k = rotate(q.transpose(1, 2), cos, sin), rotate(k.transpose(1, 2), cos, sin)
        return q.transpose(1, 2), k.transpose(1, 2)
    return rotate(q, cos, sin), rotate(k, cos, sin)


def rotate_half(x: Tensor) -> Tensor:
    """(..., K): the second half negated, then the first."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def repeat_kv(hidden_states: Tensor, n_rep: int) -> Tensor:
    """Key/value heads (B, G, S, K), each `n_rep` times, side by side."""
    return hidden_states.repeat_interleave(n_rep, dim=1)
