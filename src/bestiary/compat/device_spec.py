"""What tests ask of a device: how it is seeded, emptied and counted; a file of the user's may say so of a new one."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..core.errors import ArgumentError


def device_spec(device: str | None) -> dict[str, Any]:
    """What the file that `TRANSFORMERS_TEST_DEVICE_SPEC` names says: DEVICE_NAME, and functions for it.

    Raises:
        ArgumentError: it is not there, names no device, or another one than `device`.
    """
    named = os.environ.get("TRANSFORMERS_TEST_DEVICE_SPEC")
    if named is None:
        return {}
    path = Path(named)
    if not path.is_file():
        raise ArgumentError(f"TRANSFORMERS_TEST_DEVICE_SPEC is {named!r:.80}, which is no file; expected a Python file")
    spec: Any = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    values = vars(module)
    if "DEVICE_NAME" not in values:
        raise ArgumentError(f"{named} sets no DEVICE_NAME; expected the name of the device that it is for")
    if device is not None and device != values["DEVICE_NAME"]:
        raise ArgumentError(
            f"TRANSFORMERS_TEST_DEVICE is {device!r:.40} and {named} is for {values['DEVICE_NAME']!r:.40}; expected one of them"
        )
    names = ("DEVICE_NAME", "MANUAL_SEED_FN", "EMPTY_CACHE_FN", "DEVICE_COUNT_FN")
    return {name: values[name] for name in names if name in values}


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
