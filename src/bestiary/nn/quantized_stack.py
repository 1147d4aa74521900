"""Weights of experts in few bits: `QuantizedStack`, in the place of one parameter for all of them."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .quantized import QuantizedLinear


class QuantizedStack(nn.ModuleList):
    """E quantized layers, in the place of a parameter (E, out, in), or, `transposed`, (E, in, out), or, `flat`, of one that has
    the matrices one under another, (E out, in) or (E in, out).

    `nn.grouped.product` takes it as it takes such a parameter.

    Attributes:
        shape: that of the parameter.
    """

    def __init__(self, layers: Iterable[QuantizedLinear], transposed: bool = False, flat: bool = False) -> None:
        super().__init__(layers)
        self.transposed = transposed
        first: Any = self[0]
        rows, columns = (first.out_features, first.in_features)[:: -1 if transposed else 1]
        self.shape = torch.Size((len(self) * rows, columns) if flat else (len(self), rows, columns))

    @property
    def mT(self) -> "Turned":
        """The same with the last dimensions swapped."""
        return Turned(self)

    def product(self, x: Tensor, expert: int, bias: Tensor | None = None) -> Tensor:
        """x W^T + b (N, out) of states (N, in)."""
        result: Tensor = self[expert](x)
        return result if bias is None else result + bias

    def fill(self, weights: Tensor) -> None:
        """Quantize the parameter that this stands for."""
        for layer, weight in zip(self, weights.reshape(len(self), -1, weights.shape[-1]), strict=True):
            assert isinstance(layer, QuantizedLinear)
            layer.quantize(weight.T.contiguous() if self.transposed else weight)

    def numbers(self, dtype: torch.dtype | None = None) -> nn.Parameter:
        """The parameter that this stands for, with the numbers that the layers compute with."""
        each = [layer.dequantize() for layer in self if isinstance(layer, QuantizedLinear)]
        stacked = torch.stack([weight.T if self.transposed else weight for weight in each])
        return nn.Parameter(stacked.to(dtype or stacked.dtype).reshape(self.shape))


class Turned:
    """A stack whose parameter is read with its last dimensions swapped."""

    def __init__(self, stack: QuantizedStack) -> None:
        self.stack = stack

    def product(self, x: Tensor, expert: int, bias: Tensor | None = None) -> Tensor:
        """As of the stack: its layers know which way round they are."""
        return self.stack.product(x, expert, bias)


def stack_of(module: nn.Module, name: str) -> QuantizedStack | None:
    """The stack that waits for the numbers of the parameter `name` of `module`."""
    waiting: dict[str, QuantizedStack] = module.__dict__.get("_stacks", {})
    return waiting.get(name)


def wait_for(module: nn.Module, name: str, stack: QuantizedStack) -> None:
    """Let `stack` take the place of the parameter `name` of `module` once this has numbers (`fill_stack`)."""
    module.__dict__.setdefault("_stacks", {})[name] = stack


def put_stack(module: nn.Module, name: str, stack: QuantizedStack) -> None:
    """Put `stack` in the place of the parameter `name` of `module`."""
    module.__dict__.get("_stacks", {}).pop(name, None)
    module._parameters.pop(name, None)
    module.add_module(name, stack)


def fill_stack(module: nn.Module, name: str, weights: Tensor) -> None:
    """Quantize `weights`, the parameter `name` of `module`, into the stack that waits for them, which takes its place."""
    stack = stack_of(module, name)
    assert stack is not None
    stack.fill(weights)
    put_stack(module, name, stack)
