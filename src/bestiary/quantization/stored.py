"""What tensors of a file have to be: their dtypes, shapes and values. Each error names the tensor."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import CorruptFile

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_WHOLE = (torch.int32, torch.int64, torch.int16, torch.int8, torch.uint8)


def check_dtype(name: str, tensor: Tensor, shape: Sequence[int] | None, dtypes: Sequence[torch.dtype]) -> Tensor:
    """The tensor, which has this shape (None: any) and one of the dtypes.

    Raises:
        CorruptFile: it has not.
    """
    if (shape is not None and tuple(tensor.shape) != tuple(shape)) or tensor.dtype not in dtypes:
        kinds = " or ".join(str(each).removeprefix("torch.") for each in dtypes)
        where = "" if shape is None else f" {tuple(shape)}"
        raise CorruptFile(f"{name} is {tensor.dtype} {tuple(tensor.shape)}; expected {kinds}{where}")
    return tensor


def check_numbers(
    name: str, tensor: Tensor, shape: Sequence[int] | None = None, dtypes: Sequence[torch.dtype] = FLOATS
) -> Tensor:
    """The tensor, which holds finite numbers in a floating dtype.

    Raises:
        CorruptFile: it does not.
    """
    check_dtype(name, tensor, shape, dtypes)
    if not tensor.is_meta and not tensor.isfinite().all():
        raise CorruptFile(f"{name} holds {int((~tensor.isfinite()).sum())} numbers that are not finite")
    return tensor


def check_whole(name: str, tensor: Tensor, shape: Sequence[int], least: int, most: int) -> Tensor:
    """The tensor, which holds integers from `least` to `most`.

    Raises:
        CorruptFile: it does not.
    """
    check_dtype(name, tensor, shape, _WHOLE)
    if tensor.numel():
        low, high = (int(each) for each in tensor.aminmax())
        if not least <= low <= high <= most:
            raise CorruptFile(f"{name} holds numbers from {low} to {high}; expected {least} to {most}")
    return tensor
