"""Dtypes by their names."""

from typing import Any

import torch

from .errors import InputError


def floating_dtype(dtype: Any) -> torch.dtype:
    """A floating torch dtype from itself or its name.

    Raises:
        InputError: not a dtype, or not a floating one.
    """
    kind = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if not isinstance(kind, torch.dtype):
        raise InputError(f"dtype is {dtype!r}; expected a torch dtype or its name, such as 'float32', 'bfloat16' or 'auto'")
    if not kind.is_floating_point:
        raise InputError(f"a model cannot be built with dtype {kind}: it is not a floating-point type")
    return kind
