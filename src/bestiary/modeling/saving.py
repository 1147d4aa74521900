"""Saving a model as a checkpoint."""

import copy
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..core.errors import ArgumentError, InputError
from ..core.files import folder_to_fill
from ..core.logging import warn_once
from ..hub.code.saving import save_code
from ..hub.push import uploader
from ..loading.save import save_weights
from ..nn.quantized import StateToRead
from ..placement.offload import read_tensor
from .adapters import save_adapter
from .parts import ModelParts


def save_model(
    model: ModelParts,
    folder: Any,
    *,
    state_dict: Mapping[str, torch.Tensor] | None = None,
    max_shard_size: int | str = "50GB",
    safe_serialization: bool = True,
    variant: str | None = None,
    is_main_process: bool = True,
    push_to_hub: bool = False,
    save_function: Any = None,
    save_peft_format: bool = True,
    format: str | None = None,
    quantization: str | None = None,
    tokenizer: Any = None,
    **hub: Any,
) -> list[Path]:
    """Write the weights, then config.json and generation_config.json, into `folder`; every file is replaced whole.

    Of a model with an adapter (`modeling/adapters.py`) only the adapter in use is written, in one file.

    Args:
        state_dict: tensors to write instead of the model's own.
        max_shard_size: bytes, or a number with KB, MB, GB or TB; larger models are split and get an index.
        safe_serialization: safetensors, else torch's zip format.
        is_main_process: False writes nothing (for the other processes of a distributed run).
        save_function: scripts for several processes pass it beside `is_main_process`. It is not called, and a warning says so:
            files are always written whole by this library.
        save_peft_format: the names of an adapter's tensors are those of peft's wrapper.
        format: "gguf" writes the weights as `model.gguf`, the file of programs that stand on llama.cpp, instead. quantization:
            its numbers, under the names of these programs: "F16", "Q8_0", "Q4_K_M"; None: those of the model. tokenizer: which
            the file shall hold as well, with its chat template; None: that in `folder`, if there is one.
        push_to_hub: also upload the folder; `hub` are the keywords of `hub.push.push_folder`, `repo_id` by default the
            folder's name.

    Raises:
        SaveError: the disk is full or the folder cannot be written; what was there before is still whole.
    """
    _check_format(format, quantization, tokenizer)
    upload = uploader(push_to_hub, hub, "save_pretrained", model.supersedes)
    if not is_main_process:
        return []
    if save_function is not None:
        warn_once(
            "save-function", "save_function is not called: this library writes its files itself, each whole or not at all"
        )
    quantizer = getattr(model, "hf_quantizer", None)
    if quantizer is not None and not model._hf_peft_config_loaded:
        quantizer.check_saving()
    folder = folder_to_fill(folder)
    if not isinstance(state_dict, Mapping | None):
        raise InputError(f"state_dict holds tensors by name; found {type(state_dict).__name__}")
    if model._hf_peft_config_loaded:
        written = save_adapter(model, folder, state_dict, safe_serialization, save_peft_format) + model.save_settings(folder)
        upload(folder)
        return written
    to_read = StateToRead()
    state = dict(model.state_dict(destination=to_read) if state_dict is None else state_dict)
    if unsaved := model._keys_to_ignore_on_save:
        state = {name: value for name, value in state.items() if not any(re.search(pattern, name) for pattern in unsaved)}
    config = copy.deepcopy(model.config)
    config.architectures = [type(model).__name__]
    config.dtype = model.dtype
    settings = model.save_settings(folder)  # before the weights: invalid ones are refused
    fetch = partial(_read, model, state, to_read) if state_dict is None else None
    if format == "gguf":
        from .gguf_saving import save_gguf  # such files alone need it

        written = save_gguf(model, folder, state, fetch, quantization, tokenizer)
        written += [Path(path) for path in config.save_pretrained(folder)] + settings
        upload(folder)
        return written
    written = save_weights(
        state,
        folder,
        max_shard_size=max_shard_size,
        safe_serialization=safe_serialization,
        tied=model.tied_weights(),
        metadata={"format": "pt"} | ({} if quantizer is None else quantizer.metadata(model)),
        renames=model._weight_rules,
        variant=variant,
        fetch=fetch,
    )
    written += save_code(type(model), model._auto_class, folder, config.__dict__)
    written += [Path(path) for path in config.save_pretrained(folder)]
    written += settings
    upload(folder)
    return written


def _check_format(format: Any, quantization: Any, tokenizer: Any) -> None:
    if format not in (None, "safetensors", "gguf"):
        raise ArgumentError(f"format is {format!r:.60}; expected 'safetensors' or 'gguf'")
    for name, value in (("quantization", quantization), ("tokenizer", tokenizer)):
        if value is not None and format != "gguf":
            raise ArgumentError(f"{name}= is for files of other programs: pass format='gguf' with it")


def _read(model: ModelParts, state: Mapping[str, torch.Tensor], to_read: StateToRead, name: str) -> torch.Tensor:
    if not state[name].is_meta:
        return state[name]
    data = to_read.data(name)
    return read_tensor(model, name) if data is None else data
