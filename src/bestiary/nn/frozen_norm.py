"""Batch norms whose statistics and weights are constants, as backbones of detectors have them."""

import torch
from torch import Tensor, nn

from .init import Starting, constant


class FrozenBatchNorm2d(Starting):
    """(x - mean) / sqrt(variance + eps) * weight + bias with four stored constants for each channel, in training too.

    Batches of a few large images say too little about the statistics to go on measuring them (Carion et al. 2020, A.4).
    """

    starts = {"weight": constant(1), "bias": constant(0), "running_mean": constant(0), "running_var": constant(1)}

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y, X)."""
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}"


def freeze_batch_norms(module: nn.Module) -> None:
    """Put a frozen norm in the place of every batch norm inside of `module`, with the values it has."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            frozen = FrozenBatchNorm2d(child.num_features, child.eps)
            frozen.load_state_dict({key: value for key, value in child.state_dict().items() if key in frozen.state_dict()})
            setattr(module, name, frozen)
        else:
            freeze_batch_norms(child)
