"""The norm of Qwen 2 under its published name."""

from ...nn.norm import RMSNorm


class Qwen2RMSNorm(RMSNorm):
    """Root mean square norm of states `hidden_size` wide."""

    def __init__(self, hidden_size: int, eps: float = 1e-6) -> None:
        super().__init__(hidden_size, eps)

    forward = RMSNorm.forward
