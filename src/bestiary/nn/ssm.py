"""The selective state-space model of Mamba (Gu and Dao 2023), and the causal convolution before it.

Shapes: E channels, each with a state of N numbers; a kernel of the convolution is K inputs long.
"""

import torch
from torch import Tensor, nn

# Positions whose matrices are computed at once: enough to keep a device busy, and few enough to hold (B, 64, E, N) numbers.
_CHUNK = 64


class CausalConv1d(nn.Conv1d):
    """Each channel by itself, convolved with its own kernel over the newest K inputs."""

    def __init__(self, channels: int, width: int, bias: bool) -> None:
        super().__init__(channels, channels, width, groups=channels, bias=bias)

    def forward(self, x: Tensor, earlier: Tensor | None = None) -> Tensor:
        """(B, E, T) -> (B, E, T).

        Args:
            earlier: (B, E, K or more), the inputs before `x`, the newest last; None stands for zeros.
        """
        missing = self.kernel_size[0] - 1
        if earlier is None:
            return super().forward(nn.functional.pad(x, (missing, 0)))
        window = torch.cat([earlier[:, :, earlier.shape[2] - missing :], x], dim=2)
        if x.shape[2] > 1 or x.dtype != torch.float32:
            return super().forward(window)
        # For one position torch's convolution takes longer to start than to compute.
        mixed = (window * self.weight[:, 0]).sum(-1, keepdim=True)
        return mixed if self.bias is None else mixed + self.bias[:, None]


def selective_scan(
    x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The output of a state-space model whose step and matrices depend on the input (Algorithm 2), computed in fp32.

        h_t = exp(delta_t A) h_{t-1} + delta_t B_t x_t     (2a), A discretised by zero-order hold (4), B by Euler's rule
        y_t = C_t h_t                                      (2b)

    The state goes from position to position, so a text may be given in parts of any length.

    Args:
        x: inputs (B, T, E). delta: step sizes (B, T, E), above 0.
        a: (E, N), the diagonals of A, below 0. b, c: (B, T, N).
        state: h_0, (B, E, N); None for zeros.

    Returns:
        y (B, T, E) and the last state (B, E, N), both fp32.
    """
    x, delta, a, b, c = x.float(), delta.float(), a.float(), b.float(), c.float()
    state = x.new_zeros(x.shape[0], *a.shape) if state is None else state
    if x.shape[1] == 1:
        x, delta = x.mT, delta.mT
        state = torch.addcmul(delta * x * b, torch.exp(delta * a), state)
        return (state @ c.mT).mT, state
    outputs = []
    for x_part, delta_part, b_part, c_part in zip(*(each.split(_CHUNK, dim=1) for each in (x, delta, b, c)), strict=True):
        decays = torch.exp(delta_part.unsqueeze(-1) * a)
        drives = (delta_part * x_part).unsqueeze(-1) * b_part.unsqueeze(2)
        states = []
        for decay, drive in zip(decays.unbind(1), drives.unbind(1), strict=True):
            state = torch.addcmul(drive, decay, state)
            states.append(state)
        outputs.append((torch.stack(states, dim=1) @ c_part.unsqueeze(-1)).squeeze(-1))
    return torch.cat(outputs, dim=1), state
