"""What is wrong with the input of a forward, said before it runs (`nn/inputs.py`).

A decoding step pays for next to nothing.
"""

from typing import Any, get_args

import torch
from torch import Tensor

from ..cache.base import Cache
from ..core.errors import InputError
from ..core.logging import warn_once
from ..nn import inputs
from ..nn.masks import MaskSource
from ..nn.values import is_true, may_look
from .parts import ModelParts


def check_tokens(model: ModelParts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse what no forward over tokens can use; warn of padding that no mask hides, and of odd masks.

    A model of one's own that reads no tokens (its config has no `vocab_size`, or forward no `input_ids`) takes anything.

    Raises:
        InputError: a wrong type, dtype or shape, ids that the vocabulary or segments that the model does not have.
    """
    first = args[0] if args else kwargs.get("input_ids")
    if isinstance(first, Tensor):
        shape = first.shape
        if len(shape) == 2 and shape[1] == 1 and first.dtype is torch.int64:
            return  # a decoding step, which pays for no more than this
    values = by_name(model, args, kwargs)
    ids, embeds = values.get("input_ids"), values.get("inputs_embeds")
    vocabulary = model.text_config().get("vocab_size")
    if vocabulary is None:
        return
    if ids is not None:
        name = model.outer_name("input_ids")
        inputs.check_ids(ids, name)
        shape = ids.shape
    elif isinstance(embeds, Tensor):
        name = model.outer_name("inputs_embeds")
        inputs.check_embeds(embeds, model.get_input_embeddings(), model.dtype, name)
        shape = embeds.shape
    else:
        return  # forward says what is missing
    mask = values.get("attention_mask")
    if mask is not None:
        inputs.check_mask(mask, shape[0], model.outer_name("attention_mask"), beside=name)
    texts = [name for name, value in kwargs.items() if isinstance(value, str)]
    inputs.warn_of_words(**{name: kwargs[name] for name in texts if bool in get_args(forward_annotations(model).get(name))})
    for companion in ("position_ids", "token_type_ids"):
        if values.get(companion) is not None:
            inputs.check_companion(values[companion], model.outer_name(companion), shape, name)
    if values.get("token_type_ids") is not None:
        segments = model.config.get("type_vocab_size")
        if segments != 0:  # a model without a table of them leaves them out
            inputs.check_rows(values["token_type_ids"], model.outer_name("token_type_ids"), segments)
    if ids is not None:
        inputs.check_device(ids, model.device, name)
        inputs.check_vocabulary(ids, vocabulary, name)
        past = kwargs.get("past_key_values")
        masked = mask is not None or isinstance(past, MaskSource)  # as the cache of a batch of requests is
        if not masked and not (isinstance(past, Cache) and past.get_seq_length()):
            model.check_padding(ids)


def by_name(model: ModelParts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call of the model, those by place too, by their names in forward."""
    return {**dict(zip(forward_annotations(model), args, strict=False)), **kwargs} if args else kwargs


def forward_annotations(model: ModelParts) -> dict[str, Any]:
    """Names of the arguments that the model's forward takes, those it hands on to its backbone included -> annotations."""
    return inputs.forward_annotations(type(model), type(model.base_model))


def drop_segments(model: ModelParts, kwargs: dict[str, Any]) -> None:
    """Take `token_type_ids`, which many tokenizers give, out of the arguments of a text model without segments; it is told."""
    if model.main_input_name == "input_ids" and "token_type_ids" not in forward_annotations(model):
        if kwargs.pop("token_type_ids") is not None:
            warn_once(
                "no-segments",
                f"{type(model).__name__} has no segments: token_type_ids have no effect (the tokenizer's"
                " return_token_type_ids=False leaves them out)",
            )


def take_cache_position(model: ModelParts, kwargs: dict[str, Any]) -> None:
    """Take `cache_position` (T,) out of the arguments of a model that knows caches: these count the slots themselves.

    Where it says other slots than those after what the cache holds, a warning says so.

    Raises:
        InputError: it is no list of slots.
    """
    if "past_key_values" not in forward_annotations(model):
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
        warn_once(
            "cache-position",
            f"cache_position begins with {slots[:3].tolist()} and has no effect: the cache holds {cached} tokens, and new ones"
            f" take the slots from {cached} on (to go back, crop the cache)",
        )
