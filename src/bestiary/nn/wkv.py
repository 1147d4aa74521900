"""The recurrence of RWKV-4 (Peng et al. 2023): a mean of values whose weights fade, in each channel at a rate of its own."""

import torch
from torch import Tensor

NOTHING = -1e38  # the logarithm of a weight that counts for nothing


def wkv(key: Tensor, value: Tensor, decay: Tensor, first: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """The mean of the values so far, each by exp(key - age * decay), the newest by exp(key + first) (eq. 16), in fp32.

    Shapes: A channels.

    Args:
        key, value: (B, T, A). decay, first: (A,).
        state: (B, 3, A), the weighted sum of the values, the sum of the weights, and the logarithm of what either is to be
            multiplied by, with which no number becomes too large (appendix D); None at a text's beginning.

    Returns:
        The means (B, T, A) and the last state.
    """
    key, value, decay, first = key.float(), value.float(), decay.float(), first.float()
    if state is None:
        empty = torch.zeros_like(key[:, 0])
        state = torch.stack([empty, empty, empty + NOTHING], dim=1)
    total, weight, scale = state.unbind(1)
    means = []
    for new_key, new_value in zip(key.unbind(1), value.unbind(1), strict=True):
        top = torch.maximum(scale, new_key + first)
        earlier, new = (scale - top).exp(), (new_key + first - top).exp()
        means.append((earlier * total + new * new_value) / (earlier * weight + new))
        top = torch.maximum(scale - decay, new_key)
        earlier, new, scale = (scale - decay - top).exp(), (new_key - top).exp(), top
        total, weight = earlier * total + new * new_value, earlier * weight + new
    return torch.stack(means, dim=1), torch.stack([total, weight, scale], dim=1)
