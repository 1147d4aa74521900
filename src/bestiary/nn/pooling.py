"""From a sequence of states to one vector."""

from torch import Tensor, nn

from .activations import activation


class FirstTokenPooler(nn.Module):
    """act(W x_0 + b), the state of the first token (BERT's [CLS], ViT's class token) through one dense layer."""

    def __init__(self, size: int, output_size: int | None = None, act: str = "tanh") -> None:
        super().__init__()
        self.dense = nn.Linear(size, output_size or size)
        self.act = activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, output_size)."""
        return self.act(self.dense(x[:, 0]))
