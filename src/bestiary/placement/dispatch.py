"""A model spread over devices runs as one: `accelerate` moves inputs and weights around each module."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..core.errors import ConfigError
from ..core.optional import require
from .device_map import Device, device_at
from .mapped_weights import map_weights
from .offload import store


def dispatch(
    model: nn.Module,
    device_map: Mapping[str, Device],
    offload_folder: str | os.PathLike[str] | None = None,
    offload_index: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    offload_buffers: bool = False,
) -> None:
    """Make a loaded `model` run where its weights are; sets `model.hf_device_map`.

    On one device nothing is wrapped. Otherwise inputs follow the weights, weights on the CPU visit the first accelerator
    when there is one, and weights on disk are views of its files (`mapped_weights.py`) during each use.

    Args:
        device_map: a full table, as `plan_device_map` gives.
        offload_index: name -> where a tensor on disk lies (`LoadReport.offload_index`); one not named there must still be
            in memory and is written to `offload_folder`.
        offload_buffers: buffers go to disk too, not only parameters.

    Raises:
        ConfigError: tensors for the disk are stored nowhere and there is no folder to write them to.
    """
    devices = {str(device) for device in device_map.values()}
    model.__dict__["hf_device_map"] = dict(device_map)
    if len(devices) == 1 and "disk" not in devices:
        model.to(next(iter(device_map.values())))
        return
    accelerate = require("accelerate", "a device_map with several devices")
    index = dict(offload_index or {})
    _store_rest(model, device_map, offload_folder, index, offload_buffers)
    with _quiet():  # it would report the planned state of things as a warning
        accelerate.dispatch_model(
            model,
            device_map=dict(device_map),
            offload_index=index or None,
            offload_buffers=offload_buffers,
            force_hooks=True,
        )
    if "disk" in devices:
        map_weights(model, index)


def main_device(device_map: Mapping[str, Device]) -> torch.device:
    """Where a spread model computes and takes its inputs: its first accelerator, or the CPU."""
    return torch.device(next((device for device in device_map.values() if device not in ("cpu", "disk")), "cpu"))


def _store_rest(
    model: nn.Module,
    device_map: Mapping[str, Device],
    folder: str | os.PathLike[str] | None,
    index: dict[str, Mapping[str, Any]],
    buffers: bool,
) -> None:
    """Write what goes to disk and is not stored yet; names of one tensor share an entry."""
    tensors: list[tuple[str, torch.Tensor]] = [*model.named_parameters(remove_duplicate=False)]
    tensors += [*model.named_buffers(remove_duplicate=False)] if buffers else []
    entries: dict[int, Mapping[str, Any]] = {}
    for name, tensor in tensors:
        if device_at(device_map, name) != "disk" or name in index:
            continue
        if folder is None:
            raise ConfigError(f"the device_map places {name!r} on disk; give offload_folder, a folder to write it to")
        if id(tensor) not in entries:
            entries[id(tensor)] = store(name, tensor, folder)
        index[name] = entries[id(tensor)]


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("accelerate.big_modeling")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # A parameter may have an entry of its own, as in the maps that accelerate itself computes.
            warnings.filterwarnings("ignore", "The following device_map keys do not match any submodules", UserWarning)
            yield
    finally:
        logger.setLevel(level)
