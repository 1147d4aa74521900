"""What is wrong with the input of a forward, said before it runs (`nn/inputs.py`), or made clear after it failed.

A decoding step pays for next to nothing.
"""

import inspect
from typing import Any

import torch
from torch import Tensor

from ..cache.base import Cache
from ..core.errors import ArgumentError, InputError, did_you_mean
from ..nn import inputs
from ..nn.values import extremes, is_true, may_look
from . import head_masks
from .parts import ModelParts

# What `PreTrainedModel.__call__` takes besides the arguments of forward.
OF_EVERY_CALL = ("output_hidden_states", "output_attentions", "return_dict", *head_masks.NAMES)


def check_tokens(model: ModelParts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse what no forward over tokens can use; `args` begin with input_ids (B, T) and attention_mask (B or 1, S).

    Raises:
        InputError: a wrong type, dtype or shape, ids that the vocabulary does not have, a mask of other numbers than 0 and 1,
            padding that no mask hides, negative positions.
    """
    ids, embeds = args[0] if args else kwargs.get("input_ids"), kwargs.get("inputs_embeds")
    if isinstance(ids, Tensor):
        shape = ids.shape
        if len(shape) == 2 and shape[1] == 1 and ids.dtype is torch.int64:
            return  # a decoding step, which pays for no more than this
    if ids is not None:
        inputs.check_ids(ids)
        name, shape = "input_ids", ids.shape
    elif isinstance(embeds, Tensor):
        inputs.check_embeds(embeds, model.get_input_embeddings(), model.dtype)
        name, shape = "inputs_embeds", embeds.shape
    else:
        return  # forward says what is missing
    mask = args[1] if len(args) > 1 else kwargs.get("attention_mask")
    if mask is not None:
        inputs.check_mask(mask, shape[0], beside=name)
    for companion in ("position_ids", "token_type_ids"):
        if kwargs.get(companion) is not None:
            inputs.check_companion(kwargs[companion], companion, shape, beside=name)
    if ids is not None:
        if ids.is_meta and model.device.type != "meta":
            raise InputError(f"input_ids are on the meta device and hold nothing; the model is on {model.device}")
        inputs.check_vocabulary(ids, model.config.get_text_config().get("vocab_size"))
        if mask is None and not kwargs.get("past_key_values"):
            model.check_padding(ids)


def forward_parameters(model: ModelParts) -> frozenset[str]:
    """Names of the arguments that the model's forward takes, those it hands on to its backbone included."""
    return inputs.forward_parameters(type(model), type(model.base_model))


def take_cache_position(model: ModelParts, kwargs: dict[str, Any]) -> None:
    """Take `cache_position` (T,) out of the arguments of a model that knows caches: these count the slots themselves.

    Raises:
        InputError: it says other slots than those after what the cache holds.
    """
    if "past_key_values" not in forward_parameters(model):
        return  # forward says that there is no such argument
    slots, cache = kwargs.pop("cache_position"), kwargs.get("past_key_values")
    if slots is None:
        return
    if not isinstance(slots, Tensor) or slots.dim() != 1 or slots.dtype not in inputs.INTEGERS:
        raise InputError(
            f"cache_position is {inputs.shown(slots)}; expected the slots of the new tokens, a tensor of one dimension"
        )
    cached = cache.get_seq_length() if isinstance(cache, Cache) else 0
    if may_look(slots) and is_true((slots != torch.arange(cached, cached + len(slots), device=slots.device)).any()):
        raise InputError(
            f"cache_position begins with {slots[:3].tolist()}, and the cache holds {cached} tokens: new ones take the slots "
            f"from {cached} on (to go back, crop the cache)"
        )


def explained(
    model: ModelParts, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception
) -> ArgumentError | InputError | None:
    """The clear error for a failed forward: a keyword that no forward takes, or an index beyond a table; else None."""
    names = sorted({*forward_parameters(model), *OF_EVERY_CALL})
    for name in kwargs:
        if name not in names:
            near = did_you_mean(name, names) or f" It takes {', '.join(names)}"
            return ArgumentError(f"{type(model).__name__} takes no argument {name!r}.{near}")
    if not isinstance(error, IndexError):
        return None
    ranges = []
    for name, value in [*zip(inspect.signature(model.forward).parameters, args, strict=False), *kwargs.items()]:
        bounds = extremes(value) if isinstance(value, Tensor) and value.dtype in inputs.INTEGERS else None
        if bounds is not None:
            ranges.append(f"{name} from {bounds[0]} to {bounds[1]}")
    vocab = model.config.get_text_config().get("vocab_size")
    return InputError(
        f"an index is outside of its table in {type(model).__name__} ({error}). Given: {', '.join(ranges) or 'no ids'}."
        + (f" Token ids go from 0 to {vocab - 1}" if vocab else "")
    )
