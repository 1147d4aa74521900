"""Padding by which a convolution gives a map smaller by its stride alone, rounded up, as TensorFlow pads."""

from torch import Tensor, nn


def padded_as_same(x: Tensor, kernel: int, stride: int, dilation: int = 1) -> Tensor:
    """Maps (B, C, Y, X) with zeros around them, the odd one below and to the right."""
    edges: list[int] = []
    for length in (x.shape[-1], x.shape[-2]):
        needed = max((kernel - 1) * dilation + 1 - (length % stride or stride), 0)
        edges += [needed // 2, needed - needed // 2]
    return nn.functional.pad(x, edges) if any(edges) else x
