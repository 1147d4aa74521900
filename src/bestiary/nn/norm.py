"""Normalisations that torch lacks or computes in another precision."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..kernels.direct import in_transform
from ..kernels.elements import ONCE, SHIFTED, TWICE, rms_norm


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019), the mean in fp32, the product in the input's dtype.

    T5's LayerNorm is the same thing: it neither centres nor has a bias.

    Class attributes:
        start: the value at which the weight starts.
    """

    start: ClassVar[float] = 1.0
    # The kernel of C knows nothing of another `_lean` of a subclass.
    _has_kernel: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._has_kernel = cls._lean is RMSNorm._lean

    def __init__(self, size: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((size,), self.start))
        self.eps = eps

    @property
    def eps(self) -> float:
        """What is added to the mean square; also `variance_epsilon`."""
        return self._number

    @eps.setter
    def eps(self, value: float) -> None:
        # A number that goes into a tensor operation is made a tensor every time, which for small states is half of the cost.
        self._number, self._eps = value, torch.tensor(value, dtype=torch.float32, device="cpu")

    variance_epsilon = eps

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        fast = rms_norm(hidden_states, self.weight, self._number, TWICE) if self._has_kernel else None
        if fast is not None:
            return fast
        normed = self._lean(hidden_states)
        if normed is not None:
            return normed.mul_(self.weight)
        if hidden_states.dtype == torch.float32:
            return nn.functional.rms_norm(hidden_states, self.weight.shape, self.weight.float(), self.eps)
        scaled = hidden_states.float() * torch.rsqrt(hidden_states.float().square().mean(-1, keepdim=True) + self.eps)
        return self.weight * scaled.to(hidden_states.dtype)

    def _lean(self, x: Tensor) -> Tensor | None:
        """x / sqrt(mean(x^2) + eps) with fewer passes over `x`, where nothing has to be kept for gradients; else None."""
        plain = x.is_cpu and x.dtype == self.weight.dtype == torch.float32
        if not plain or torch.is_grad_enabled() or torch.compiler.is_compiling() or in_transform():
            return None  # under vmap weights may be many, which fit no result in place
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return x * torch.addcmul(self._eps, length, length, value=1 / x.shape[-1]).rsqrt_()

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, eps={self.eps}"


class ShiftedRMSNorm(RMSNorm):
    """x / sqrt(mean(x^2) + eps) * (1 + weight), all in fp32 (Gemma Team 2024): the weight starts at 0."""

    start = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        fast = rms_norm(x, self.weight, self._number, SHIFTED) if self._has_kernel else None
        if fast is not None:
            return fast
        normed = self._lean(x)
        if normed is not None:
            return normed.addcmul_(normed, self.weight)
        return nn.functional.rms_norm(x.float(), self.weight.shape, 1.0 + self.weight.float(), self.eps).to(x.dtype)


class FullPrecisionRMSNorm(RMSNorm):
    """x / sqrt(mean(x^2) + eps) * weight, the product in fp32 too (OLMo Team 2024, OLMo 2)."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        if hidden_states.dtype == torch.float32:
            return super().forward(hidden_states)
        fast = rms_norm(hidden_states, self.weight, self._number, ONCE)
        return super().forward(hidden_states.float()).to(hidden_states.dtype) if fast is None else fast


def weightless_rms_norm(x: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps), in fp32, (..., D) -> (..., D)."""
    return nn.functional.rms_norm(x.float(), x.shape[-1:], eps=eps).to(x.dtype)


class WeightlessRMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps), in fp32 and without weights (Meta 2025, Llama 4)."""

    def __init__(self, size: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return nn.functional.rms_norm(hidden_states.float(), hidden_states.shape[-1:], eps=self.eps).to(hidden_states.dtype)


class WeightlessLayerNorm(nn.LayerNorm):
    """(x - mean) / sqrt(variance + eps), in fp32 and without weights (Groeneveld et al. 2024, OLMo)."""

    def __init__(self, size: int, eps: float = 1e-5) -> None:
        super().__init__(size, eps, elementwise_affine=False)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return super().forward(hidden_states.float()).to(hidden_states.dtype)


class BiaslessLayerNorm(nn.LayerNorm):
    """(x - mean) / sqrt(variance + eps) * weight, in fp32 (Command R).

    Args:
        shape: D, or (H, K) for states of heads (B, H, T, K) of which each is normed alone and has weights of its own.
    """

    def __init__(self, shape: int | tuple[int, int], eps: float = 1e-5) -> None:
        super().__init__(shape, eps, bias=False)

    @property
    def variance_epsilon(self) -> float:
        """Another name of `eps`."""
        return self.eps

    @variance_epsilon.setter
    def variance_epsilon(self, value: float) -> None:
        self.eps = value

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., D), or (B, H, T, K) -> (B, H, T, K)."""
        weight = self.weight.float() if self.weight.dim() == 1 else self.weight.float().unsqueeze(1)
        return (nn.functional.layer_norm(hidden_states.float(), hidden_states.shape[-1:], eps=self.eps) * weight).to(
            hidden_states.dtype
        )


class ShiftedLayerNorm(nn.LayerNorm):
    """(x - mean) / sqrt(variance + eps) * (1 + weight) + bias, in fp32 but for 1 + weight (Nemotron)."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        weight, bias = (1.0 + self.weight).float(), self.bias.float()
        return nn.functional.layer_norm(input.float(), self.normalized_shape, weight, bias, self.eps).to(input.dtype)


class GatedRMSNorm(RMSNorm):
    """The RMS norm of x * silu(gate), or with `norm_first` the RMS norm of x times silu(gate); means and gate in fp32.

    Args:
        size: D. groups: how many parts of D / groups numbers are normed each by itself (Dao and Gu 2024, section 7.3).
    """

    activation: ClassVar[str] = "silu"

    def __init__(self, size: int, eps: float = 1e-6, groups: int = 1, norm_first: bool = False) -> None:
        super().__init__(size, eps)
        self.groups, self.norm_first = groups, norm_first

    def forward(self, hidden_states: Tensor, gate: Tensor) -> Tensor:  # type: ignore[override]
        """Twice (..., D) -> (..., D)."""
        opened, states = nn.functional.silu(gate.float()), hidden_states.float()
        parts = (states if self.norm_first else states * opened).unflatten(-1, (self.groups, -1))
        normed = self.weight * weightless_rms_norm(parts, self.eps).flatten(-2).to(hidden_states.dtype)
        return (normed * opened).to(hidden_states.dtype) if self.norm_first else normed
