"""What goes into a model of series, checked before it runs, and values of earlier steps beside those of each step."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError
from .inputs import shown
from .values import is_true


def check_series(values: Any, name: str, shape: Sequence[int | None], dtype: torch.dtype, what: str = "") -> Tensor:
    """`values` in `dtype`, if they are finite real numbers of this `shape`, None standing for any size.

    Args:
        what: words about the sizes, for the error.

    Raises:
        InputError: says what was found and what was expected.
    """
    sizes = ["any" if size is None else size for size in shape]
    expected = f"expected numbers of shape ({', '.join(map(str, sizes))}){what}"
    if not isinstance(values, Tensor) or values.is_complex() or values.dim() != len(shape):
        raise InputError(f"{name} is {shown(values)}; {expected}")
    if any(size not in (None, actual) for size, actual in zip(shape, values.shape, strict=True)):
        raise InputError(f"{name} has shape {tuple(values.shape)}; {expected}")
    if values.is_floating_point() and is_true(~values.isfinite().all()):
        raise InputError(
            f"{name} holds NaN or infinite numbers; put 0 in the place of what is missing, and 0 there in the mask of what was"
            " observed"
        )
    return values.to(dtype)


def lagged(values: Tensor, lags: Sequence[int], length: int, shift: int = 0) -> Tensor:
    """For each of the last `length` steps of `values` (B, T) or (B, T, C), the values that many `lags` before it.

    Args:
        shift: what is taken off each lag.

    Returns:
        (B, length, lags) or (B, length, C, lags).

    Raises:
        InputError: the series does not go back so far.
    """
    steps, furthest = values.shape[1], max(lags) - shift
    if furthest + length > steps:
        raise InputError(
            f"the series has {steps} values; {length} of them with what came {furthest} before need {furthest + length}"
        )
    ends = [steps - (lag - shift) for lag in lags]
    return torch.stack([values[:, end - length : end] for end in ends], dim=-1)
