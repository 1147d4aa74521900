"""What a preprocessor returns: a dictionary of arrays that can be read by attribute, turned into tensors and moved."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from ..core.errors import ArgumentError, InputError
from ..core.explicit_enum import ExplicitEnum


class TensorType(ExplicitEnum):
    """The kinds of array that `return_tensors` names."""

    PYTORCH = "pt"
    NUMPY = "np"

    @classmethod
    def read(cls, value: "str | TensorType") -> "TensorType":
        """The member called `value`; anything else raises `ArgumentError`."""
        try:
            return _TENSOR_TYPES[value]
        except (KeyError, TypeError):
            raise ArgumentError(f'return_tensors must be "pt" (torch), "np" (numpy) or None, not {value!r:.80}') from None


_TENSOR_TYPES: dict[str, TensorType] = {name: kind for kind in TensorType for name in (kind, kind.value)}


def is_torch(value: Any) -> bool:
    """Whether `value` is a torch tensor; torch itself is not imported for the answer."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def to_numpy(tensor: Any, name: str) -> np.ndarray:
    """A torch tensor as an array; floats of a kind that numpy lacks (bfloat16) as float32.

    Raises:
        InputError: a sparse, quantized or nested tensor, or one on the meta device; `name` is in the message.
    """
    import torch

    if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized or tensor.is_nested:
        kind = "meta" if tensor.is_meta else "nested" if tensor.is_nested else f"{tensor.layout}, {tensor.dtype}"
        raise InputError(f"{name} is a tensor of another kind ({kind}); expected a plain one: its to_dense() or dequantize()")
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        tensor = tensor.float()
    array: np.ndarray = tensor.numpy(force=True)
    return array


def as_tensor(value: Any, kind: str | TensorType, name: str = "value") -> Any:
    """`value` (numbers, nested lists, arrays, tensors, lists of arrays of one shape) as one array of `kind`.

    Raises:
        InputError: the rows differ in shape, or hold something that is no number; `name` appears in the message.
    """
    kind = TensorType.read(kind)
    if is_torch(value):
        return value if kind is TensorType.PYTORCH else to_numpy(value, repr(name))
    if isinstance(value, list | tuple) and value and all(map(is_torch, value)):
        return _stack_torch(value, kind, name)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(_ragged(value, name)) from error
    if array.dtype == object or array.dtype.kind in "US":
        raise InputError(f"{name!r} cannot become a tensor: it holds {_sample(value)}, numbers were expected")
    if kind is TensorType.NUMPY:
        return array
    import torch

    # Python floats become torch's default float, as torch.tensor would make of them.
    if array.dtype == np.float64 and not isinstance(value, np.ndarray | np.generic) and not _holds_arrays(value):
        array = array.astype(np.float32)
    return torch.from_numpy(array if array.flags.writeable and array.ndim else array.copy().reshape(array.shape))


def _stack_torch(values: Any, kind: TensorType, name: str) -> Any:
    import torch

    if len({tuple(item.shape) for item in values}) > 1:
        raise InputError(_ragged(values, name))
    stacked = torch.stack(tuple(values))
    return stacked if kind is TensorType.PYTORCH else to_numpy(stacked, repr(name))


def _holds_arrays(value: Any) -> bool:
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return isinstance(value, np.ndarray | np.generic)


def _sample(value: Any) -> str:
    while isinstance(value, list | tuple) and value:
        value = next((item for item in value if item is None or isinstance(item, str | dict)), value[0])
    return "None" if value is None else f"{type(value).__name__} {value!r:.60}"


def _is_numeric(value: Any) -> bool:
    """Whether nested lists begin with a number, an array, a tensor or an image, or end in nothing."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    numbers = isinstance(value, int | float | complex | list | tuple | np.generic) or is_torch(value)
    return numbers or hasattr(value, "__array_interface__")


def _ragged(value: Any, name: str) -> str:
    shapes = {str(tuple(np.shape(item))) for item in value if not isinstance(item, list | tuple)}
    lengths = sorted({len(item) for item in value if isinstance(item, list | tuple)})
    differences = ", ".join(sorted(shapes)) if shapes else f"lengths {', '.join(map(str, lengths))}"
    return (
        f"{name!r} cannot become one tensor: its rows differ ({differences}). Pad them to one size (padding=True, and "
        "truncation=True where there is a limit; do_resize or do_pad for images), or leave return_tensors out"
    )


def _features(name: str, data: Any) -> Mapping[str, Any]:
    """`data` as a table; empty for None.

    Raises:
        ArgumentError: it is none.
    """
    try:
        return dict(data or {})
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"a {name} is made of {data!r:.80}; expected a dictionary of features by name") from error


class BatchFeature(dict[str, Any]):
    """A dictionary of features whose entries are also attributes.

    Args:
        data: the features; None is an empty batch.
        tensor_type: "pt" or "np" turns every entry of numbers into an array of that kind; other entries stay as they are.
        skip_tensor_conversion: names that stay as they are.

    Raises:
        InputError: an entry cannot become a tensor.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        tensor_type: str | TensorType | None = None,
        skip_tensor_conversion: Iterable[str] | None = None,
    ) -> None:
        super().__init__(_features(type(self).__name__, data))
        self.convert_to_tensors(tensor_type, skip_tensor_conversion)

    @property
    def data(self) -> dict[str, Any]:
        """The features as a plain dictionary."""
        return dict(self)

    def __getattr__(self, name: str) -> Any:
        try:
            return dict.__getitem__(self, name)
        except KeyError:
            raise AttributeError(f"{type(self).__name__} holds {list(self)}, not {name!r}") from None

    def convert_to_tensors(
        self, tensor_type: str | TensorType | None = None, skip_tensor_conversion: Iterable[str] | None = None
    ) -> Self:
        """Turn every entry of numbers into an array of the given kind, in place; None does nothing.

        What begins with something else (a text, None, a dictionary, an object) stays as it is.
        """
        if tensor_type is None:
            return self
        skip = frozenset(skip_tensor_conversion or ())
        for name, value in list(self.items()):
            if name not in skip and _is_numeric(value):
                self[name] = as_tensor(value, tensor_type, name)
        return self

    def to(self, device: Any = None, *args: Any, non_blocking: bool = False, **kwargs: Any) -> Self:
        """Move tensors to a device and cast the floating ones, in place.

        Takes what `torch.Tensor.to` takes: a device, a dtype or both, `non_blocking`, `copy`. Integers and booleans (ids,
        masks) keep their dtype. Lists of tensors or of batches are followed; anything else stays.
        """
        import torch

        args = args if device is None else (device, *args)
        kwargs |= {"non_blocking": True} if non_blocking else {}
        dtype = kwargs.pop("dtype", None) or next((value for value in args if isinstance(value, torch.dtype)), None)
        if isinstance(dtype, str):
            raise ArgumentError(f"dtype must be a torch.dtype such as torch.float16, not {dtype!r:.80}")
        places = [value for value in args if not isinstance(value, torch.dtype)]

        def move(value: Any) -> Any:
            if isinstance(value, list | tuple):
                return type(value)(move(item) for item in value)
            if isinstance(value, BatchFeature):
                return value.to(*places, dtype=dtype, **kwargs)
            if not is_torch(value):
                return value
            moved = value.to(*places, **kwargs) if places or kwargs else value
            return moved.to(dtype) if dtype is not None and moved.is_floating_point() else moved

        for name, value in list(self.items()):
            self[name] = move(value)
        return self

    def copy(self) -> Self:
        """A shallow copy of the same type."""
        return type(self)(dict(self))
