"""What the configs of models with layers of Mamba 2 say of these. Needs no torch."""

import math
from dataclasses import dataclass
from typing import Any

from ..core.errors import ConfigError

Limits = list[Any] | tuple[Any, ...]  # of two numbers, of which the second may be infinite, as no other number of a config
NO_LIMITS = (0.0, math.inf)


@dataclass(frozen=True)
class StateSpace:
    """The sizes of one such layer: H heads of P channels, each with a state of (P, N) numbers, whose B and C G groups share.

    Attributes:
        heads, head_dim, state_size, groups: H, P, N, G. kernel: inputs that the convolution sees.
        chunk: positions that are computed at once.
        eps: of the norm behind the scan. act: behind the convolution.
        bias: whether the projections have biases. conv_bias: whether the convolution has one.
        limits: the least and the largest step. starts: the least and the largest step at first, and the bound below which
            none is; None where the bias of the steps starts at 1.
    """

    heads: int
    head_dim: int
    state_size: int
    groups: int
    kernel: int
    chunk: int
    eps: float
    act: str = "silu"
    bias: bool = False
    conv_bias: bool = True
    limits: Limits = NO_LIMITS
    starts: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        if self.heads % self.groups:
            raise ConfigError(f"{self.heads} heads of a state-space layer cannot share the B and C of {self.groups} groups")
        numbers = [limit for limit in self.limits if isinstance(limit, int | float) and limit >= 0]
        if len(self.limits) != 2 or sorted(numbers) != list(self.limits):
            raise ConfigError(f"time_step_limit is {list(self.limits)}; expected the least and the largest step, 0 or more")

    @property
    def inner(self) -> int:
        """H P, the channels that go through the scan."""
        return self.heads * self.head_dim

    @property
    def mixed(self) -> int:
        """H P + 2 G N, the channels of the convolution: the inputs of the scan, B and C."""
        return self.inner + 2 * self.groups * self.state_size
