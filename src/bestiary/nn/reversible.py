"""Layers whose inputs follow from their outputs, so that training keeps no activations (Gomez et al. 2017, RevNet)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .layer import Layer
from .masks import Mask


class Moment:
    """What torch would draw next, and in which precision it computes, on one device; `again` returns there for a while."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.cpu, self.other = torch.get_rng_state(), None
        if device.type != "cpu":
            self.other = torch.get_device_module(device).get_rng_state(device)
        kind = device.type
        self.dtype, self.autocasts = torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)

    @contextmanager
    def again(self) -> Iterator[None]:
        """While the body runs, draw what was drawn then; gradients are on."""
        kind, devices = ("cuda", []) if self.other is None else (self.device.type, [self.device])
        autocast = torch.autocast(self.device.type, self.dtype, self.autocasts)
        with torch.random.fork_rng(devices=devices, device_type=kind), autocast:
            torch.set_rng_state(self.cpu)
            if self.other is not None:
                torch.get_device_module(self.device).set_rng_state(self.other, self.device)
            with torch.enable_grad():
                yield


class ReversibleLayer(Layer):
    """y1 = x1 + first(x2), then y2 = x2 + second(y1), of two streams of states (B, T, D)."""

    if TYPE_CHECKING:

        def first(self, x: Tensor, mask: Mask, cache: Any = None, *, again: Any = None, **shared: Any) -> tuple[Tensor, Any]:
            """What is added to the first stream, and what passed as `again` makes this compute the same once more."""

        def second(self, x: Tensor) -> Tensor:
            """What is added to the second stream."""

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        cache: Any = None,
        *,
        beside: Tensor,
        notes: list[Any] | None = None,
        **shared: Any,
    ) -> tuple[Tensor, Tensor]:
        """The second stream `x` and the first, `beside` it, (B, T, D) -> both, in the same order.

        notes: gets what going back needs.
        """
        start = None if notes is None else Moment(x.device)
        change, told = self.first(x, mask, cache, **shared)
        beside = beside + change
        middle = None if notes is None else Moment(x.device)
        x = x + self.second(beside)
        if notes is not None:
            notes.append((start, told, middle))
        return x, beside


def through(
    layers: Iterable[ReversibleLayer], x: Tensor, beside: Tensor, mask: Mask, cache: Any = None, **shared: Any
) -> tuple[Tensor, Tensor]:
    """Both streams (B, T, D) behind all layers. For gradients, activations are computed again in the backward pass.

    A program that is compiled, and one that goes on from a cache, keeps them.
    """
    layers = list(layers)
    goes_on = cache is not None and cache.get_seq_length() > 0
    if torch.is_grad_enabled() and not torch.compiler.is_compiling() and not goes_on:
        weights = list({id(weight): weight for weight in _weights(layers)}.values())
        call = (layers, mask, cache, shared)
        states: tuple[Tensor, Tensor] = _Reversible.apply(call, x, beside, *weights)  # type: ignore[no-untyped-call]
        return states
    for layer in layers:
        x, beside = layer(x, mask, cache, beside=beside, **shared)
    return x, beside


def _weights(layers: Sequence[ReversibleLayer]) -> list[Tensor]:
    return [weight for layer in layers for weight in layer.parameters() if weight.requires_grad]


class _Reversible(torch.autograd.Function):
    """Layers of which nothing is kept but the last states and what each needs in order to be computed again."""

    @staticmethod
    def forward(ctx: Any, call: Any, x: Tensor, beside: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        layers, mask, cache, shared = call
        notes: list[Any] = []
        for layer in layers:
            x, beside = layer(x, mask, cache, beside=beside, notes=notes, **shared)
        ctx.call, ctx.notes, ctx.wanted = (layers, mask, shared), notes, [id(weight) for weight in weights]
        ctx.save_for_backward(x, beside)
        return x, beside

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_beside: Tensor) -> tuple[Tensor | None, ...]:
        (layers, mask, shared), (x, beside) = ctx.call, ctx.saved_tensors
        of_weights: dict[int, Tensor] = {}
        for layer, (start, told, middle) in reversed(list(zip(layers, ctx.notes, strict=True))):
            weights = _weights([layer])
            with middle.again():
                beside = beside.detach().requires_grad_()
                change = layer.second(beside)
            grad_beside = grad_beside + _collect(change, beside, weights, grad, of_weights)
            with start.again():
                x = (x - change).detach().requires_grad_()
                change, _ = layer.first(x, mask, None, again=told, **shared)
            grad = grad + _collect(change, x, weights, grad_beside, of_weights)
            beside = beside.detach() - change.detach()
        return None, grad, grad_beside, *(of_weights.get(each) for each in ctx.wanted)


def _collect(y: Tensor, x: Tensor, weights: list[Tensor], grad: Tensor, of_weights: dict[int, Tensor]) -> Tensor:
    """The gradient of `x`, of which `y` was computed; those of the weights are added to `of_weights`."""
    of_x, *others = torch.autograd.grad(y, [x, *weights], grad, allow_unused=True)
    for weight, each in zip(weights, others, strict=True):
        if each is not None:
            before = of_weights.get(id(weight))
            of_weights[id(weight)] = each if before is None else before + each
    return torch.zeros_like(x) if of_x is None else of_x
