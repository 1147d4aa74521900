"""The gated delta rule (Yang et al. 2024, Gated Delta Networks): a memory that forgets, and corrects what it says of a key.

Shapes: H heads whose state is a table (K, V), which keys of K numbers are looked up in.
"""

import torch
from torch import Tensor


def gated_delta_rule(
    query: Tensor, key: Tensor, value: Tensor, decay: Tensor, rate: Tensor, state: Tensor | None = None, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """What the memory says of queries, computed in fp32.

        S_t = a_t S_{t-1} + b_t k_t (v_t - a_t S_{t-1}' k_t)'     (eq. 10, transposed), a = exp(decay), b = rate
        o_t = S_t' q_t / sqrt(K)

    Within a chunk all corrections come from one triangular system (section 3.3); from chunk to chunk goes the state.

    Args:
        query, key: (B, T, H, K), each made 1 long here. value: (B, T, H, V). decay: 0 or less, of each head
            (B, T, H) or of each channel of its keys (B, T, H, K). rate: (B, T, H).
        state: S_0, (B, H, K, V); None for zeros. chunk: positions of a chunk, which does not change what is computed.

    Returns:
        o (B, T, H, V) and the last state (B, H, K, V), both fp32.
    """
    query, key, value, decay, rate = (each.float().transpose(1, 2) for each in (query, key, value, decay, rate))
    decay = decay if decay.dim() == key.dim() else decay.unsqueeze(-1)
    query, key = _of_length(query, key.shape[-1] ** -0.5), _of_length(key, 1.0)
    if state is None:
        state = value.new_zeros(*key.shape[:2], key.shape[-1], value.shape[-1])
    if key.shape[2] == 1:
        state = state * decay.exp().transpose(-1, -2)
        state = state + key.transpose(-1, -2) @ (rate.unsqueeze(-1) * (value - key @ state))
        return (query @ state).transpose(1, 2), state
    outputs = []
    for start in range(0, key.shape[2], chunk):
        part = slice(start, start + chunk)
        q, k, v, fading, rates = (each[:, :, part] for each in (query, key, value, decay, rate))
        output, state = _chunk(q, k, v, fading, rates, state)
        outputs.append(output)
    return torch.cat(outputs, dim=2).transpose(1, 2), state


def _of_length(x: Tensor, length: float) -> Tensor:
    return x * (torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6) * length)


def _chunk(query: Tensor, key: Tensor, value: Tensor, decay: Tensor, rate: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """L positions: query and key (B, H, L, K), value (B, H, L, V), decay (B, H, L, K or 1), rate (B, H, L)."""
    since = decay.cumsum(dim=-2)  # of the chunk's start
    later = torch.ones(key.shape[2], key.shape[2], dtype=torch.bool, device=key.device).triu(1)
    between = (since.unsqueeze(-2) - since.unsqueeze(-3)).masked_fill(later.unsqueeze(-1), -torch.inf).exp()
    rated, earlier = key * rate.unsqueeze(-1), since.exp()
    targets = value * rate.unsqueeze(-1) - (rated * earlier) @ state
    system = _similar(rated, key, between)
    corrections = torch.linalg.solve_triangular(system, targets, upper=False, unitriangular=True)
    output = (query * earlier) @ state + _similar(query, key, between) @ corrections
    left = (since[..., -1:, :] - since).exp()
    state = state * earlier[..., -1, :].unsqueeze(-1) + (key * left).transpose(-1, -2) @ corrections
    return output, state


def _similar(left: Tensor, right: Tensor, between: Tensor) -> Tensor:
    """Products (B, H, L, L) of vectors (B, H, L, K), of which is left what `between` (B, H, L, L, K or 1) says."""
    if between.shape[-1] == 1:
        return (left @ right.transpose(-1, -2)) * between.squeeze(-1)
    return torch.einsum("bhik,bhjk,bhijk->bhij", left, right, between)
