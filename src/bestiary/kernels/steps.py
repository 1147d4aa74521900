"""Steps that one token takes through a part of a model, listed once and done in one call of C (`native/steps.c`): `Steps`.

Python and torch take some microseconds to start each operation, a hundred times in a layer; for one token that is most of the
time. A list of steps is made of the modules of the part, and is good as long as these are what they were (`Watch`).
"""

import ctypes
from collections.abc import Callable
from typing import Any
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn

from ..core.signatures import is_of_the_library
from .choosing import choose
from .elements import Elements
from .half import KINDS, HalfLinear
from .native import native

NORM, DENSE, DENSE_BY_ROWS, HALF, INT8, TURN, ATTEND, ADD, GATE, ACTIVATE, LAYER_NORM, SPREAD, MIX, INT4, BLOCKS = range(15)
# Places that a call gives: the states, the result, and the heads of queries, keys and values, from whose place numbers go down.
STATES, RESULT, HEADS = -1, -2, -3

_INT, _LONG, _POINTER, _FLOAT = ctypes.c_int, ctypes.c_long, ctypes.c_void_p, ctypes.c_float


class Unfit(Exception):
    """There are no steps for a module; it is computed as it is written."""


class Step(ctypes.Structure):
    """One step, as `struct step` of `native/steps.c`."""

    _fields_ = [
        *((name, _INT) for name in ("operation", "choice")),
        *((name, _LONG) for name in ("source", "other", "target")),
        *((name, _POINTER) for name in ("weight", "bias", "scales", "sums", "table", "kernel")),
        *((name, _LONG) for name in ("rows", "inputs", "outputs", "padded")),
        *((name, _FLOAT) for name in ("number", "cap")),
    ]


class Call(ctypes.Structure):
    """What differs from call to call, as `struct call`."""

    _fields_ = [
        *((name, _POINTER) for name in ("states", "result", "heads", "cos", "sin", "keys", "values", "allowed")),
        *((name, _LONG) for name in ("slots", "turned")),
        ("steps", _LONG * 6),
        *((name, _INT) for name in ("format", "threads")),
    ]


_CALL = nn.Module.__call__


class Known:
    """A class whose way of computing has steps: its methods of these names as they are now, before anybody replaces one."""

    def __init__(self, kind: type, names: str) -> None:
        self.kind, self.methods = kind, tuple((name, getattr(kind, name)) for name in names.split())

    def is_kind_of(self, module: Any) -> bool:
        """Whether a module computes as this class did."""
        kind = type(module)
        return isinstance(module, self.kind) and all(getattr(kind, name) is method for name, method in self.methods)


class _Watched:
    """What is known of one module: in which it stands, under which name, its class and methods, parameters, attributes."""

    def __init__(self, module: nn.Module, parent: int, name: str) -> None:
        self.parent, self.name, self.kind = parent, name, type(module)
        self.methods: list[tuple[str, Any]] = [("forward", self.kind.forward)]
        call = self.kind.__call__
        if name:  # the layer itself has been called already
            self.methods.append(("__call__", call if is_of_the_library(call) else _CALL))
        self.tensors: list[tuple[str, str, int, torch.dtype, int]] = []
        self.values: list[tuple[str, Any]] = []
        self.held: list[tuple[str, ReferenceType[Any]]] = []


class Watch:
    """Modules within a layer of which steps were made, and whether these are still right. It keeps none of them alive."""

    def __init__(self, layer: nn.Module) -> None:
        self._modules = [_Watched(layer, 0, "")]
        self._found = [layer]  # while steps are made
        self._settings: list[tuple[dict[str, Any], str, Any]] = []

    def module(self, holder: nn.Module, name: str) -> Any:
        """What `holder`, the layer or a module that is watched, holds as `name`; it is watched from now on.

        Raises:
            Unfit: there is none.
        """
        found = holder._modules.get(name)
        if found is None:
            raise Unfit(f"no module {name}")
        self._modules.append(_Watched(found, self._number(holder), name))
        self._found.append(found)
        return found

    def follow(self, module: nn.Module, known: Known) -> None:
        """Watch the methods of a module that is watched.

        Raises:
            Unfit: they are others than those that are known.
        """
        if not known.is_kind_of(module):
            raise Unfit(f"{type(module).__name__} computes in another way than {known.kind.__name__}")
        self._watched(module).methods += known.methods

    def _number(self, module: nn.Module) -> int:
        return next(number for number, each in enumerate(self._found) if each is module)

    def _watched(self, module: nn.Module) -> _Watched:
        return self._modules[self._number(module)]

    def tensor(self, module: nn.Module, name: str, dtype: torch.dtype) -> int:
        """The address of a parameter or buffer, watched from now on; 0 where there is none.

        Raises:
            Unfit: it is no plain numbers of this dtype in this computer's memory.
        """
        place = "_parameters" if name in module._parameters else "_buffers"
        held = getattr(module, place)
        if name not in held or hasattr(type(module), name):
            raise Unfit(f"no parameter {name}, or another way to it")
        found = held[name]
        if found is None:
            self._watched(module).tensors.append((place, name, 0, dtype, 0))
            return 0
        if (
            type(found) not in (nn.Parameter, Tensor)
            or not found.is_cpu
            or found.dtype is not dtype
            or not found.is_contiguous()
        ):
            raise Unfit(f"{name} is {type(found).__name__} of {found.dtype} on {found.device}")
        address: int = found.data_ptr()
        self._watched(module).tensors.append((place, name, address, dtype, found.numel()))
        return address

    def value(self, module: nn.Module, name: str) -> Any:
        """An attribute of a module, watched from now on; None where it has none of its own."""
        found = module.__dict__.get(name)
        self._watched(module).values.append((name, found))
        return found

    def holding(self, module: nn.Module, name: str) -> Any:
        """The same of one that weights belong to."""
        found = module.__dict__.get(name)
        if found is not None:
            self._watched(module).held.append((name, ref(found)))
        return found

    def setting(self, settings: Any, name: str) -> Any:
        """An attribute of settings, watched from now on."""
        found = getattr(settings, name)
        self._settings.append((settings.__dict__, name, found))
        return found

    def made(self) -> None:
        """The steps are made."""
        self._found = []

    def holds(self, layer: nn.Module) -> bool:
        """Whether everything is as it was, nobody looks into a module, and none is trained."""
        found: list[dict[str, Any]] = []
        for each in self._modules:
            module = found[each.parent]["_modules"].get(each.name) if found else layer
            if module.__class__ is not each.kind:
                return False
            own = module.__dict__
            if own.get("training") is not False or own.get("_compiled_call_impl") is not None:
                return False
            if found and (own["_forward_hooks"] or own["_forward_pre_hooks"]):
                return False
            for name, method in each.methods:
                if getattr(each.kind, name) is not method or (name in own and (found or name != "forward")):
                    return False
            for name, value in each.values:
                if own.get(name) is not value:
                    return False
            for name, reference in each.held:
                if own.get(name) is not reference():
                    return False
            for place, name, address, dtype, numbers in each.tensors:
                tensor = own[place].get(name)
                if tensor is None:
                    if address:
                        return False
                elif (
                    tensor.data_ptr() != address
                    or tensor.dtype is not dtype
                    or tensor.numel() != numbers
                    or not tensor.is_contiguous()
                ):
                    return False
            found.append(own)
        return all(own.get(name) is value for own, name, value in self._settings)


class Steps:
    """A list of steps for states of one dtype, in the order in which they are added; places are counted in numbers."""

    def __init__(self, dtype: torch.dtype, watch: Watch) -> None:
        self.dtype, self.watch = dtype, watch
        self._listed: list[Step] = []
        self._numbers = 0
        self._array: Any = None
        self._addresses: list[int] = []

    def place(self, numbers: int) -> int:
        """A place for so many numbers."""
        place, self._numbers = self._numbers, self._numbers + -(-numbers // 64) * 64
        return place

    def add(self, operation: int, source: int, target: int, **fields: Any) -> None:
        """One more step."""
        self._listed.append(Step(operation=operation, source=source, target=target, **fields))

    def __len__(self) -> int:
        return len(self._listed)

    def cut(self, count: int) -> None:
        """Leave the first `count` steps."""
        del self._listed[count:]

    def dense(self, holder: nn.Module, name: str, source: int, target: int | None = None) -> int:
        """The product of the dense layer that `holder` holds as `name`; the place of its result."""
        module = self.watch.module(holder, name)
        describe = DENSE_LAYERS.get(type(module).forward)
        if describe is None:
            raise Unfit(f"{name} is a {type(module).__name__}")
        fields, outputs = describe(module, self.dtype, self.watch)
        target = self.place(outputs) if target is None else target
        self.add(**fields, source=source, target=target)
        return target

    def finish(self) -> None:
        """All steps are listed. Done before others see them: threads may run one model at once."""
        self._array = (Step * len(self._listed))(*self._listed)
        start = ctypes.addressof(self._array)
        self._addresses = [start + number * ctypes.sizeof(Step) for number in range(len(self._listed))]

    def run(self, kernels: Elements, call: Call, first: int = 0) -> None:
        """Take the steps from number `first` on."""
        if kernels.take_steps(self._addresses[first], len(self._listed) - first, self._numbers, ctypes.byref(call)):
            raise MemoryError(f"no memory for the {self._numbers} numbers between the products of a layer")


# What a dense layer is as a step: its fields, and its outputs.
Dense = tuple[dict[str, Any], int]


def _linear(module: Any, dtype: torch.dtype, watch: Watch) -> Dense:
    weight, bias = watch.tensor(module, "weight", dtype), watch.tensor(module, "bias", dtype)
    outputs, inputs = module.weight.shape
    fields: dict[str, Any] = {
        "operation": DENSE,
        "weight": weight,
        "bias": bias,
        "rows": 1,
        "inputs": inputs,
        "outputs": outputs,
    }
    if dtype is not torch.float32:
        fields |= {"operation": HALF, "kernel": half_kernel(dtype, module.weight.numel())}
    return fields, outputs


def half_kernel(dtype: torch.dtype, weights: int) -> int | None:
    """The address of the product with so many weights in 16 bits; None for float32, which needs none.

    Raises:
        Unfit: there is none, or torch's was measured to be faster.
    """
    if dtype is torch.float32:
        return None
    kernels = native(weights)
    if kernels is None or choose(KINDS[dtype], 1, weights) != "vectors":
        raise Unfit("torch is faster here")
    return kernels.address("half_linear")


DENSE_LAYERS: dict[Any, Callable[[Any, torch.dtype, Watch], Dense]] = {nn.Linear.forward: _linear, HalfLinear.forward: _linear}
"""The `forward` of a class of dense layers -> what says how such a layer is a step."""
