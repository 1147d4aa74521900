"""The weight of a layer in few bits as code meets it that knows only dense layers: `QuantizedWeight`."""

from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.utils._pytree import tree_map


class _Layer(Protocol):
    out_features: int
    in_features: int
    number_dtype: torch.dtype

    @property
    def device(self) -> torch.device: ...

    def dequantize(self) -> Tensor: ...

    def quantize(self, weight: Tensor) -> None: ...


class QuantizedWeight(torch.Tensor):
    """W (out_features, in_features) of a quantized layer, without memory of its own.

    Whatever is computed with it is computed with the numbers that the layer computes with. `data` are these numbers, and
    setting `data` quantizes new ones: so adapters are merged (peft adds to `weight.data`). Changed in place it stays what it
    was: no such change would reach the layer.
    """

    layer: _Layer

    @staticmethod
    def __new__(cls, layer: _Layer) -> Self:
        shape = (layer.out_features, layer.in_features)
        made: Self = torch.Tensor._make_wrapper_subclass(
            cls, shape, dtype=layer.number_dtype, device=layer.device, requires_grad=False
        )
        made.layer = layer
        return made

    def __init__(self, layer: _Layer) -> None:
        pass

    @property
    def data(self) -> Tensor:
        """The numbers."""
        return self.layer.dequantize().to(self.dtype)

    @data.setter
    def data(self, weight: Tensor) -> None:
        self.layer.quantize(weight.detach())

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"QuantizedWeight({tuple(self.shape)}, dtype={self.dtype}, device={self.device})"

    def __deepcopy__(self, memo: Any) -> Tensor:
        return self.data

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        plain = tree_map(lambda each: each.data if isinstance(each, QuantizedWeight) else each, (args, kwargs or {}))
        return func(*plain[0], **plain[1])
