"""A cache as a safetensors file. Its header says the kind, its options, what each layer has seen, and of which model."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ..core.errors import CorruptFile, FileMissing, InputError
from ..core.files import replacing
from .base import Cache
from .building import build
from .encoder_decoder import EncoderDecoderCache
from .fingerprints import fingerprint

Tensors = dict[str, torch.Tensor]
_FORMAT = "bestiary-cache-1"


def save_cache(cache: Cache, path: str | os.PathLike[str], model: nn.Module) -> None:
    """Write `cache`, which `model` has filled, to the file `path`, whole or not at all.

    Raises:
        SaveError: the file cannot be written.
    """
    tensors: Tensors = {}
    header = json.dumps(_describe(cache, tensors))
    write(path, tensors, {"format": _FORMAT, "cache": header, "model": fingerprint(model)})


def load_cache(path: str | os.PathLike[str], model: nn.Module) -> Cache:
    """The cache that `save_cache` wrote for `model`, on the model's device.

    Raises:
        FileMissing: there is no such file. CorruptFile: it is damaged, or not a cache.
        InputError: another model has filled it, or the same with other weights.
    """
    tensors, metadata = read(path, _FORMAT, "a saved cache", next(model.parameters()).device)
    if metadata.get("model") != fingerprint(model):
        raise InputError(
            f"{path} was filled by another model than this {type(model).__name__}, or by the same with other weights"
        )
    try:
        return _rebuild(json.loads(metadata["cache"]), tensors, model.config, "")
    except (CorruptFile, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptFile(f"{path} is not a whole cache: {error}") from error


def _describe(cache: Cache, tensors: Tensors, prefix: str = "") -> dict[str, Any]:
    """What `_rebuild` needs besides the tensors, which are added to `tensors`."""
    if isinstance(cache, EncoderDecoderCache):
        parts = {"self.": cache.self_attention_cache, "cross.": cache.cross_attention_cache}
        return {"kind": "encoder_decoder", "parts": {name: _describe(part, tensors, name) for name, part in parts.items()}}
    numbers = []
    for index, layer in enumerate(cache.settled()):
        layer_tensors, layer_numbers = layer.state()
        tensors.update({f"{prefix}{index}.{name}": tensor for name, tensor in layer_tensors.items()})
        numbers.append(layer_numbers)
    return {"kind": cache.kind, "options": cache.options(), "layers": numbers}


def _rebuild(header: dict[str, Any], tensors: Tensors, config: Any, prefix: str) -> Cache:
    if header["kind"] == "encoder_decoder":
        parts = [_rebuild(header["parts"][name], tensors, config, name) for name in ("self.", "cross.")]
        return EncoderDecoderCache(*parts)
    cache = build(header["kind"], config, 1, header["options"])
    for index, numbers in enumerate(header["layers"]):
        start = f"{prefix}{index}."
        layer_tensors = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
        cache.layer(index).restore(layer_tensors, {name: int(value) for name, value in numbers.items()})
    return cache


def write(path: str | os.PathLike[str], tensors: Tensors, metadata: dict[str, str]) -> None:
    """Write tensors and metadata to the safetensors file `path`, whole or not at all."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(plain, temporary, metadata)


def read(
    path: str | os.PathLike[str], kind: str, what: str, device: torch.device | str = "cpu"
) -> tuple[Tensors, dict[str, str]]:
    """The tensors and the metadata of the safetensors file `path`, whose metadata must have the format `kind`.

    Raises:
        FileMissing: there is no such file. CorruptFile: it is damaged, or something else.
    """
    if not Path(path).is_file():
        raise FileMissing(f"there is no file {path}")
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != kind:
                raise CorruptFile(f"{path} is not {what}: its format is {metadata.get('format')!r}, expected {kind!r}")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata
    except SafetensorError as error:
        raise CorruptFile(f"{path} is damaged, or not {what}: {error}") from error
