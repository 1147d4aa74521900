"""Values of a config that mean something when they are read or set: its dtype, and the attention kernels of its parts."""

from collections.abc import Mapping
from typing import Any


def get_dtype(config: Any) -> Any:
    """The torch dtype, or whatever else was set, which is refused where it is used; torch is imported only for this."""
    dtype = config.__dict__["dtype"]
    if not isinstance(dtype, str):
        return dtype
    import torch

    named = getattr(torch, dtype, None)
    return named if isinstance(named, torch.dtype) else dtype


def set_dtype(config: Any, dtype: Any) -> None:
    """A name is kept without `torch.`, as config.json has it."""
    config.__dict__["dtype"] = dtype.removeprefix("torch.") if isinstance(dtype, str) else dtype


def get_kernel(config: Any) -> Any:
    """The name of the attention kernel that was asked for, or None."""
    return config.__dict__["_attn_implementation"]


def set_kernel(config: Any, chosen: Any) -> None:
    """One kernel for the config and all of its parts, or kernels by part; "" is the config itself, others keep theirs.

    Raises:
        ArgumentError: no such part.
    """
    if isinstance(chosen, Mapping):
        config.check_parts("attn_implementation", chosen)
        for name, kernel in chosen.items():
            config.parts()[name].__dict__["_attn_implementation"] = kernel
        return
    for name, part in config.parts().items():
        if name:
            set_kernel(part, chosen)
    config.__dict__["_attn_implementation"] = chosen
