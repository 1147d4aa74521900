"""Tensors kept in a folder instead of in memory, and tensors of a dispatched model read back from where they lie."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import InputError


def store(name: str, tensor: torch.Tensor, folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Write `tensor` to a file of its own in `folder` (made if absent); returns its entry of an offload index."""
    from safetensors.torch import save_file

    path = Path(folder) / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().cpu().contiguous()}, path)
    return {"safetensors_file": str(path), "weight_name": name, "dtype": str(tensor.dtype).removeprefix("torch.")}


def read_tensor(model: nn.Module, name: str) -> torch.Tensor:
    """The value of the parameter or buffer `name` of `model`, also where a dispatched model keeps it elsewhere.

    Raises:
        InputError: it has no data anywhere.
    """
    parent, _, leaf = name.rpartition(".")
    module = model.get_submodule(parent)
    tensor = module._parameters.get(leaf, module._buffers.get(leaf))
    if tensor is not None and not tensor.is_meta:
        return tensor
    hook = module.__dict__.get("_hf_hook")
    for each in getattr(hook, "hooks", [hook]):  # accelerate puts several hooks in a list of its own
        weights = getattr(each, "weights_map", None)
        if weights is not None:
            value: torch.Tensor = weights[leaf]
            return value
    raise InputError(f"{name} has no data: it is on the meta device")
