"""What tests ask of a device: how it is seeded, emptied and counted; a file of the user's may say so of a new one."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..core.errors import ArgumentError


def device_of_spec(named: str, device: str | None) -> str:
    """The device that the file `named` (TRANSFORMERS_TEST_DEVICE_SPEC) is for; its functions for it are used from then on.

    The file sets DEVICE_NAME and, where they differ from torch's, MANUAL_SEED_FN, EMPTY_CACHE_FN and DEVICE_COUNT_FN.

    Raises:
        ArgumentError: it is not there, names no device, or another one than `device`.
    """
    path = Path(named)
    if not path.is_file():
        raise ArgumentError(f"TRANSFORMERS_TEST_DEVICE_SPEC is {named!r:.80}, which is no file; expected a Python file")
    spec: Any = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    values = vars(module)
    if "DEVICE_NAME" not in values:
        raise ArgumentError(f"{named} sets no DEVICE_NAME; expected the name of the device that it is for")
    name = str(values["DEVICE_NAME"])
    if device is not None and device != name:
        raise ArgumentError(f"TRANSFORMERS_TEST_DEVICE is {device!r:.40} and {named} is for {name!r:.40}; expected one of them")
    tables = {"MANUAL_SEED_FN": BACKEND_MANUAL_SEED, "EMPTY_CACHE_FN": BACKEND_EMPTY_CACHE}
    for function, table in {**tables, "DEVICE_COUNT_FN": BACKEND_DEVICE_COUNT}.items():
        if function in values:
            table[name] = values[function]
    return name


def _nothing(*args: Any) -> None:
    """Of devices without a cache of their own."""


BACKEND_MANUAL_SEED: dict[str, Callable[..., Any]] = {"cuda": torch.cuda.manual_seed, "default": torch.manual_seed}
BACKEND_EMPTY_CACHE: dict[str, Callable[..., Any]] = {"cuda": torch.cuda.empty_cache, "default": _nothing}
BACKEND_DEVICE_COUNT: dict[str, Callable[..., Any]] = {"cuda": lambda: torch.cuda.device_count(), "default": lambda: 1}


def backend_manual_seed(device: str, seed: int) -> Any:
    """Seed the random numbers of a device."""
    return BACKEND_MANUAL_SEED.get(device, BACKEND_MANUAL_SEED["default"])(seed)


def backend_empty_cache(device: str) -> Any:
    """Free the unused memory of a device."""
    return BACKEND_EMPTY_CACHE.get(device, BACKEND_EMPTY_CACHE["default"])()


def backend_device_count(device: str) -> int:
    """How many devices of this kind there are; of the processor 1."""
    return int(BACKEND_DEVICE_COUNT.get(device, BACKEND_DEVICE_COUNT["default"])())
