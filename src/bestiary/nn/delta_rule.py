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
        query, key: (B, T, H, K), each made 1 long here. value: (B, T, H, V). decay: (B, T, H), 0 or less. rate: (B, T, H).
        state: S_0, (B, H, K, V); None for zeros. chunk: positions of a chunk, which does not change what is computed.

    Returns:
        o (B, T, H, V) and the last state (B, H, K, V), both fp32.
    """
    query, key, value, decay, rate = (each.float().transpose(1, 2) for each in (query, key, value, decay, rate))
    query, key = _of_length(query, key.shape[-1] ** -0.5), _of_length(key, 1.0)
    if state is None:
        state = value.new_zeros(*key.shape[:2], key.shape[-1], value.shape[-1])
    if key.shape[2] == 1:
        state = state * decay.exp().unsqueeze(-1)
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
    """L positions: query and key (B, H, L, K), value (B, H, L, V), decay and rate (B, H, L), state (B, H, K, V)."""
    since = decay.cumsum(dim=-1)  # of the chunk's start
    later = torch.ones(key.shape[2], key.shape[2], dtype=torch.bool, device=key.device).triu(1)
    between = (since.unsqueeze(-1) - since.unsqueeze(-2)).masked_fill(later, -torch.inf).exp()
    rated, earlier = key * rate.unsqueeze(-1), since.exp().unsqueeze(-1)
    targets = value * rate.unsqueeze(-1) - (rated * earlier) @ state
    system = (rated @ key.transpose(-1, -2)) * between
    corrections = torch.linalg.solve_triangular(system, targets, upper=False, unitriangular=True)
    output = (query * earlier) @ state + ((query @ key.transpose(-1, -2)) * between) @ corrections
    left = (since[..., -1:] - since).exp().unsqueeze(-1)
    state = state * earlier[..., -1:, :] + (key * left).transpose(-1, -2) @ corrections
    return output, state
