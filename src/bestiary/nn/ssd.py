"""The state-space model of Mamba 2 (Dao and Gu 2024, Transformers are SSMs): one decay for all numbers of a head's state.

Shapes: H heads of P channels, each with a state of (P, N) numbers; G groups of neighbouring heads share B and C (B, T, G, N).
"""

import torch
from torch import Tensor


def ssd_scan(
    x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor | None = None, chunk: int = 256
) -> tuple[Tensor, Tensor]:
    """The output of a state-space model whose step and matrices depend on the input, computed in fp32.

        h_t = exp(delta_t a) h_{t-1} + delta_t x_t B_t'     (eq. 7, the state of each head)
        y_t = h_t C_t

    Within a chunk every position looks at those before it, as attention does (section 6); from chunk to chunk goes the state.

    Args:
        x: inputs (B, T, H, P). delta: step sizes (B, T, H), above 0. a: (H,), below 0. b, c: (B, T, G, N).
        state: h_0, (B, H, P, N); None for zeros. chunk: positions of a chunk, which does not change what is computed.

    Returns:
        y (B, T, H, P) and the last state (B, H, P, N), both fp32.
    """
    x, delta, b, c = x.float(), delta.float(), b.float(), c.float()
    decays, inputs = delta * a.float(), x * delta.unsqueeze(-1)
    if state is None:
        state = x.new_zeros(x.shape[0], *x.shape[2:], b.shape[-1])
    if x.shape[1] == 1:
        return _step(inputs[:, 0], decays[:, 0], b[:, 0], c[:, 0], state)
    groups, outputs = b.shape[2], []
    state = state.unflatten(1, (groups, -1))
    for x_part, decay, b_part, c_part in zip(*(each.split(chunk, dim=1) for each in (inputs, decays, b, c)), strict=True):
        output, state = _chunk(x_part, decay, b_part, c_part, state)
        outputs.append(output)
    return torch.cat(outputs, dim=1), state.flatten(1, 2)


def _step(x: Tensor, decay: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """One position: x (B, H, P), decay (B, H), b and c (B, G, N), state (B, H, P, N)."""
    repeats = x.shape[1] // b.shape[1]
    b, c = (each if repeats == 1 else each.repeat_interleave(repeats, dim=1) for each in (b, c))
    state = torch.addcmul(x.unsqueeze(-1) * b.unsqueeze(2), decay.exp()[..., None, None], state)
    return (state @ c.unsqueeze(-1)).squeeze(-1).unsqueeze(1), state


def _chunk(x: Tensor, decay: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """L positions: x (B, L, H, P), decay (B, L, H), b and c (B, L, G, N), state (B, G, H/G, P, N)."""
    length, (batch, groups, heads, size, count) = x.shape[1], state.shape
    x = x.unflatten(2, (groups, heads)).permute(0, 2, 3, 4, 1)  # (B, G, H/G, P, L)
    b, c = b.transpose(1, 2), c.transpose(1, 2)  # (B, G, L, N)
    since = decay.cumsum(dim=1).unflatten(2, (groups, heads)).permute(0, 2, 3, 1)  # (B, G, H/G, L), of the chunk's start
    later = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
    between = (since.unsqueeze(-1) - since.unsqueeze(-2)).masked_fill(later, -torch.inf).exp()
    within = ((c @ b.transpose(-1, -2)).unsqueeze(2) * between) @ x.transpose(-1, -2)  # (B, G, H/G, L, P)
    earlier = (c @ state.flatten(2, 3).transpose(-1, -2)).unflatten(-1, (heads, size)).transpose(2, 3)
    output = torch.addcmul(within, since.exp().unsqueeze(-1), earlier)
    arriving = (x * (since[..., -1:] - since).exp().unsqueeze(3)).flatten(2, 3) @ b
    state = torch.addcmul(arriving.view(batch, groups, heads, size, count), since[..., -1].exp()[..., None, None], state)
    return output.permute(0, 3, 1, 2, 4).flatten(2, 3), state
