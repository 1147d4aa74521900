"""A model of a config without its weights."""

from collections.abc import Mapping
from typing import Any

import torch

from ..core.errors import ArgumentError, UnknownArchitecture, did_you_mean
from ..loading.format import TensorInfo
from ..loading.rules import on_load
from ..loading.skeleton import skeleton
from ..modeling.building import without_initialisation
from ..modeling.families import family, tasks_of
from ..modeling.quantized import quantizer_for


def class_of(config: Any, name: str | None = None) -> Any:
    """The class that a checkpoint was saved with; where its config names none, the one that generates, else the base.

    Args:
        name: another class of the family.

    Raises:
        ArgumentError: the family has no class of this name.
    """
    table = tasks_of(config.model_type)
    classes = list(dict.fromkeys(table.values()))
    if name is not None:
        if name not in classes:
            raise ArgumentError(
                f"{config.model_type} has no class {name!r}.{did_you_mean(name, classes)} Classes: {', '.join(classes)}"
            )
        return getattr(family(config.model_type), name)
    saved = next((each for each in config.architectures or () if each in classes), None)
    if saved is None:
        task = next((task for task in ("causal-lm", "seq2seq-lm", "base") if task in table), None)
        if task is None:
            raise UnknownArchitecture(f"{config.model_type} has none of the usual classes; name one of {', '.join(classes)}")
        saved = table[task]
    return getattr(family(config.model_type), saved)


def without_weights(kind: Any, config: Any, dtype: torch.dtype = torch.float32, attention: str | None = None) -> Any:
    """A model of class `kind` on the device "meta", its ties made, as `from_pretrained` would give it.

    Args:
        attention: the attention kernel; by default the one that is chosen for the model anyway.
    """
    if attention is not None:
        config.__dict__["_attn_implementation"] = attention
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with without_initialisation(), skeleton():
            model = kind(config)
    finally:
        torch.set_default_dtype(before)
    names = list(kind._keep_in_fp32_modules) if dtype == torch.float16 else []
    names += kind._keep_in_fp32_modules_strict if dtype in (torch.float16, torch.bfloat16) else []
    for name, parameter in model.named_parameters():
        if any(f".{part}." in f".{name}." for part in names):
            parameter.data = parameter.data.float()
    model.tie_weights()
    return model.eval()


def packed_away(model: Any, bits: int | None) -> int:
    """Bytes that a model takes less when it is opened by load_in_8bit or load_in_4bit: numbers in few bits, and their scales.

    In 8 bits a row has one scale, in 4 bits every 64 numbers, each in 4 bytes.
    """
    quantizer = quantizer_for(model.config, None, bits == 8, bits == 4, type(model).__name__)
    if quantizer is None:
        return 0
    dense = dict(model.named_modules())
    with skeleton():
        paths = quantizer.replace(model)
    weights = [dense[path].weight for path in paths]
    scales = sum(4 * (each.shape[0] if bits == 8 else each.numel() // 64) for each in weights)
    return int(sum(each.nbytes - each.numel() * (bits or 8) // 8 for each in weights) - scales)


def stored_away(model: Any, headers: Mapping[str, TensorInfo]) -> tuple[str, int]:
    """The method that a checkpoint with these `headers` is quantized by, and the bytes that its layers take less than numbers.

    Layers keep what the file has for them. "", 0 of a checkpoint that is not quantized, or is opened as numbers.
    """
    quantizer = quantizer_for(model.config, None, False, False, type(model).__name__)
    if quantizer is None or quantizer.gives_numbers:
        return "", 0
    dense = dict(model.named_modules())
    with skeleton():
        paths = set(quantizer.replace(model))
    dot = f"{model.base_model_prefix}."
    in_file: dict[str, int] = {}
    for name, recipe in on_load(model._weight_rules, headers).items():
        for home in (name, dot + name, name.removeprefix(dot)):
            parts = home.split(".")
            path = next((path for end in range(1, len(parts)) if (path := ".".join(parts[:end])) in paths), None)
            if path is not None and home != f"{path}.bias":
                in_file[path] = in_file.get(path, 0) + sum(headers[key].nbytes for key in recipe.sources)
                break
    numbers = sum(dense[path].weight.nbytes for path in in_file)
    return quantizer.quantization_config.quant_method.value, numbers - sum(in_file.values())


def weight_bytes(model: Any) -> int:
    """Bytes of all parameters and buffers, tied ones once."""
    tensors = {id(each): each for each in (*model.parameters(), *model.buffers())}
    return sum(each.nbytes for each in tensors.values())
