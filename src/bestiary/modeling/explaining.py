"""Why a forward failed, in words: what its arguments show once it did. A call that works pays for nothing here."""

from collections.abc import Iterator
from typing import Any, get_args

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError, OutOfVocabulary, did_you_mean
from ..nn import inputs
from ..nn.values import extremes
from . import head_masks
from .checks import by_name, forward_annotations
from .parts import ModelParts

# What `PreTrainedModel.__call__` takes besides the arguments of forward.
OF_EVERY_CALL = ("output_hidden_states", "output_attentions", "return_dict", *head_masks.NAMES)
# What Python and torch raise for arguments they cannot use. Kinds derived from these (no memory, ours) say what they mean.
UNCLEAR = (TypeError, AttributeError, IndexError, RuntimeError, ValueError, NotImplementedError)


def explained(
    model: ModelParts, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception
) -> ArgumentError | InputError | None:
    """The clear error for a forward that failed with `error`; None where the arguments show nothing wrong."""
    if type(error) not in (*UNCLEAR, ArgumentError):  # a part's ArgumentError may be about a keyword that it was handed on
        return None
    names = sorted({*forward_annotations(model), *OF_EVERY_CALL})
    for name in kwargs:
        if name not in names:
            near = did_you_mean(name, names) or f" It takes {', '.join(names)}"
            return ArgumentError(f"{type(model).__name__} takes no argument {name!r:.80}.{near}")
    if isinstance(error, ArgumentError):
        return None
    values = by_name(model, args, kwargs)
    for look in (_no_tensors, _empty, _elsewhere, _other_rows, _other_dtypes):
        fault = next(look(model, values), None)
        if fault is not None:
            return InputError(fault)
    return _outside_of_table(model, values, error) if isinstance(error, IndexError) else None


def hooked(model: ModelParts, error: Exception) -> str:
    """Where hooks of others stand in `model`, and what they may return, if what they did may have led to `error`."""
    if type(error) not in (TypeError, AttributeError, ValueError):
        return ""
    paths = [
        path or type(model).__name__
        for path, module in model.named_modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
        if str(getattr(hook, "__module__", "")).partition(".")[0] not in (__name__.partition(".")[0], "torch")
    ]
    where = ", ".join(dict.fromkeys(paths[:8]))
    if not paths:
        return ""
    return f"hooks stand on {where}; what one returns takes the place of the output (or input): expected None, or the same form"


def _tensors(model: ModelParts, values: dict[str, Any]) -> dict[str, Tensor]:
    """Name, as the caller knows it -> tensor; in the order of forward's arguments."""
    in_order = [name for name in forward_annotations(model) if isinstance(values.get(name), Tensor)]
    return {model.outer_name(name): values[name] for name in in_order}


def _no_tensors(model: ModelParts, values: dict[str, Any]) -> Iterator[str]:
    for name, annotation in forward_annotations(model).items():
        kinds, value = get_args(annotation) or (annotation,), values.get(name)
        known = Tensor in kinds and all(isinstance(kind, type) for kind in kinds)
        if known and value is not None and not isinstance(value, kinds):
            yield f"{model.outer_name(name)} is a {type(value).__name__}; expected a tensor"


def _empty(model: ModelParts, values: dict[str, Any]) -> Iterator[str]:
    for name, tensor in _tensors(model, values).items():
        if not tensor.numel():
            yield f"{name} has shape {tuple(tensor.shape)} and holds nothing; expected at least one row, none of them empty"


def _elsewhere(model: ModelParts, values: dict[str, Any]) -> Iterator[str]:
    if len({parameter.device for parameter in model.parameters()}) > 1:
        return  # its parts take care of where their input is
    for name, tensor in _tensors(model, values).items():
        if tensor.device != model.device:
            yield f"{name} is on {tensor.device} and the model on {model.device}; move it: {name}.to(model.device)"


def _other_rows(model: ModelParts, values: dict[str, Any]) -> Iterator[str]:
    """Of a model whose arguments all belong to the same texts or images: not of one that compares the two."""
    if model.holds_models():
        return
    batched = {name: tensor for name, tensor in _tensors(model, values).items() if tensor.dim() > 1}
    first, main = next(iter(batched.items()), ("", torch.empty(0)))
    for name, tensor in batched.items():
        if len(tensor) not in (1, len(main)):
            yield f"{name} has {len(tensor)} rows and {first} {len(main)}; expected one for each"
        if tensor.dtype in inputs.INTEGERS and main.dtype in inputs.INTEGERS and tensor.dim() not in (main.dim(), 4):
            yield f"{name} has shape {tuple(tensor.shape)} beside {first} of {tuple(main.shape)}; expected as many dimensions"


def _other_dtypes(model: ModelParts, values: dict[str, Any]) -> Iterator[str]:
    if torch.is_autocast_enabled(model.device.type):
        return
    for name, tensor in _tensors(model, values).items():
        if tensor.dim() > 2 and (tensor.is_floating_point() or tensor.is_complex()) and tensor.dtype != model.dtype:
            yield f"{name} is of {tensor.dtype} and the model of {model.dtype}; convert it: {name}.to(model.dtype)"


def _outside_of_table(model: ModelParts, values: dict[str, Any], error: Exception) -> OutOfVocabulary:
    ranges = []
    for name, tensor in _tensors(model, values).items():
        bounds = extremes(tensor) if tensor.dtype in inputs.INTEGERS else None
        if bounds is not None:
            ranges.append(f"{name} from {bounds[0]} to {bounds[1]}")
    vocab = model.config.get_text_config().get("vocab_size")
    return OutOfVocabulary(
        f"an index is outside of its table in {type(model).__name__} ({error}). Given: {', '.join(ranges) or 'no ids'}."
        + (f" Token ids go from 0 to {vocab - 1}" if vocab else "")
    )
