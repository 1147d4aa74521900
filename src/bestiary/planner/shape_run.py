"""Running a model without its weights: tensors have shapes, dtypes and a size in memory; only small ones have contents."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..core.live_bytes import LiveBytes

# Numbers of a tensor that keeps its contents where they are known: ids, positions, masks of a row. Models look at these.
_SMALL = 1 << 16

# What a CPU's matrix product copies of its right side: all of it up to a size, and nothing for few rows (measured with MKL).
_MOST_PACKED, _FEW_ROWS = 13 << 20, 256

_aten: Any = torch.ops.aten
_UNIQUE = (_aten._unique2.default, _aten.unique_consecutive.default)
# What configs call the number of experts that tokens are sorted by.
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_PRODUCTS = (_aten.mm.default, _aten.addmm.default)


class ShapeRun(TorchDispatchMode):
    """Inside, operations on tensors without contents give others, and the bytes of all that are alive are counted.

    What follows from known contents (positions, masks) is computed. A question about contents that nobody knows is answered
    with 0 or False; the places where a mask is true are taken to be all of its places.

    Attributes:
        live: what is alive, beside the tensors that were there before (`lay_out`).
        workspace: bytes that matrix kernels of the CPU hold for themselves, from the first product of this size on.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = torch.device(device)
        self.live = LiveBytes()
        self.workspace = 0
        self._groups, self._packed, self._reordered = 2, 0, 0
        self._fake = FakeTensorMode(allow_non_fake_inputs=True)

    def lay_out(self, model: nn.Module) -> nn.Module:
        """`model`, made on the device "meta", as if its weights were in memory; they are not counted."""
        fakes: dict[int, Any] = {}
        with self._fake:
            for module in model.modules():
                for name, parameter in module._parameters.items():
                    if parameter is not None and parameter.is_meta:
                        module._parameters[name] = fakes.setdefault(id(parameter), self._laid_out(parameter))
                for name, buffer in module._buffers.items():
                    if buffer is not None and buffer.is_meta:
                        module._buffers[name] = fakes.setdefault(id(buffer), self._laid_out(buffer))
        config = getattr(model, "config", None)
        sizes = [size for name in _EXPERTS if (size := getattr(config, name, None))]
        self._groups = max(sizes, default=2)
        self.live.ignore([*model.parameters(), *model.buffers()])
        return model

    def _laid_out(self, tensor: Tensor) -> Tensor:
        empty = torch.empty_like(tensor, device=self.device)
        return nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        unknown = any(isinstance(each, FakeTensor) for each in tensors)
        if not unknown and tensors and all(each.numel() <= _SMALL // 8 for each in tensors):
            return self.live.count(func(*args, **kwargs))
        if unknown and func is _aten._local_scalar_dense.default:
            return _nothing(tensors[0])
        if unknown and func in _UNIQUE:
            return self.live.count(self._sorted(tensors[0]))
        if func in _PRODUCTS and self.device.type == "cpu":
            self._pack(*tensors[-2:])
        with self._fake:
            result = self._shaped(func, args, kwargs)
        if func is _aten.convolution.default and self.device.type == "cpu":
            self._reorder(sum(each.nbytes for each in (*tensors[:2], result)))
        if not unknown and all(each.numel() <= _SMALL for each in _tensors(result)):
            result = func(*args, **kwargs)  # its contents are known
        return self.live.count(result)

    def _pack(self, left: Tensor, right: Tensor) -> None:
        """A product of a CPU copies its right side into a buffer that it keeps; larger ones get a further buffer."""
        size = min(right.nbytes, _MOST_PACKED) if left.shape[0] >= _FEW_ROWS else 0
        if size > self._packed:
            self._packed, self.workspace = size, self.workspace + size

    def _reorder(self, size: int) -> None:
        """A convolution of a CPU works on copies of all three in an order of its own."""
        self.workspace += max(0, size - self._reordered)
        self._reordered = max(self._reordered, size)

    def _shaped(self, func: Any, args: Any, kwargs: Any) -> Any:
        try:
            return _grouped(*args, **kwargs) if func is _aten._grouped_mm.default else func(*args, **kwargs)
        except DynamicOutputShapeException:
            stand_in = _STAND_INS.get(func)
            if stand_in is None:
                raise
            return stand_in(*args, **kwargs)

    def _sorted(self, tensor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The different numbers of `tensor`, as of a choice of experts: each is chosen equally often."""
        count, groups = tensor.numel(), min(self._groups, tensor.numel())
        counts = [count // groups + (number < count % groups) for number in range(groups)]
        return torch.arange(groups), tensor.new_empty(tensor.shape), torch.tensor(counts)


def _tensors(result: Any) -> Iterable[Tensor]:
    return (each for each in tree_leaves(result) if isinstance(each, Tensor))


def _nothing(tensor: Tensor) -> bool | int | float:
    if tensor.dtype == torch.bool:
        return False
    return 0.0 if tensor.is_floating_point() else 0


def _grouped(left: Tensor, right: Tensor, offs: Tensor | None = None, bias: Any = None, out_dtype: Any = None) -> Tensor:
    """Shape of the products of groups of rows (or, of both sides, of columns) that end at `offs`."""
    shape: tuple[int, ...] = (left.shape[-2], right.shape[-1])
    if left.dim() == right.dim() and offs is not None:
        shape = (len(offs), *shape)
    elif left.dim() == right.dim():
        shape = (left.shape[0], *shape)
    return left.new_empty(shape, dtype=out_dtype or left.dtype)


def _all_places(tensor: Tensor) -> Tensor:
    return tensor.new_empty((tensor.numel(), tensor.dim()), dtype=torch.long)


def _all_chosen(tensor: Tensor, mask: Tensor) -> Tensor:
    return tensor.new_empty(torch.broadcast_shapes(tensor.shape, mask.shape)).flatten()


def _counts(tensor: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    return tensor.new_empty(max(1, minlength), dtype=torch.long if weights is None else weights.dtype)


def _indexed(tensor: Tensor, indices: list[Tensor | None]) -> Tensor:
    """`tensor[indices]` where boolean ones are true everywhere."""
    spread: list[Tensor | None] = []
    for index in indices:
        is_mask = index is not None and index.dtype in (torch.bool, torch.uint8)
        spread += [index] if not is_mask else [index.new_empty(index.numel(), dtype=torch.long) for _ in range(index.dim())]  # type: ignore[union-attr]
    result: Tensor = _aten.index.Tensor(tensor, spread)
    return result


# Operations whose results have a size that contents decide -> what takes their place.
_STAND_INS: dict[Any, Callable[..., Any]] = {
    _aten.nonzero.default: _all_places,
    _aten.masked_select.default: _all_chosen,
    _aten.index.Tensor: _indexed,
    _aten.bincount.default: _counts,
}
