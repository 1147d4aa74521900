"""Small modules for tests of loading, saving and placement: a backbone of residual blocks, with and without a head."""

import torch
from torch import Tensor, nn

TIED = {"head.weight": "body.embed.weight"}


class Block(nn.Module):
    """A residual block: its input is added at the end, so it must stay on one device."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.up = nn.Linear(size, 2 * size)
        self.down = nn.Linear(2 * size, size)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(torch.relu(self.up(self.norm(x))))


class Body(nn.Module):
    """A backbone."""

    def __init__(self, layers: int = 3, size: int = 8, words: int = 16) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, size)
        self.layers = nn.ModuleList(Block(size) for _ in range(layers))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return x


class WithHead(nn.Module):
    """The backbone under `body` and a head over the words, tied or not."""

    def __init__(self, tied: bool = True, **sizes: int) -> None:
        super().__init__()
        self.body = Body(**sizes)
        self.head = nn.Linear(self.body.embed.embedding_dim, self.body.embed.num_embeddings, bias=False)
        if tied:
            self.head.weight = self.body.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.body(ids))


class Classifier(nn.Module):
    """The backbone and a head of two layers."""

    def __init__(self, labels: int = 2) -> None:
        super().__init__()
        self.body = Body()
        self.dense = nn.Linear(8, 8)
        self.classifier = nn.Linear(8, labels)


def on_meta(build, *args, **kwargs):
    """A module without data."""
    with torch.device("meta"):
        return build(*args, **kwargs)


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Fill all tensors with reproducible values."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def never(names: set[str]) -> None:
    """An initialisation that must not be called."""
    raise AssertionError(f"initialised: {names}")
