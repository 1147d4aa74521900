"""Tensors kept in a folder instead of in memory."""

import os
from pathlib import Path
from typing import Any

import torch

from ..core.optional import require


def store(name: str, tensor: torch.Tensor, folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Write `tensor` into `folder` (made if absent) as a flat, mappable file; returns its entry of the offload index."""
    utils = require("accelerate.utils", "offload to disk")
    Path(folder).mkdir(parents=True, exist_ok=True)
    index: dict[str, Any] = {}
    utils.offload_weight(tensor, name, os.fspath(folder), index=index)
    return {**index[name], "file": str(Path(folder) / f"{name}.dat")}
