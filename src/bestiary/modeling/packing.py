"""Rows that hold several texts, as a call of a model says it: by `seq_idx`, or by where texts begin (`cu_seq_lens_q`)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..core.signatures import is_of_the_library
from ..nn.inputs import INTEGERS, shown
from ..nn.packed import PackedTexts
from .checks import by_name, forward_annotations
from .parts import ModelParts

# What says it; `max_length_*` follow from these.
TOLD = ("seq_idx", "cu_seq_lens_q", "cu_seq_lens_k")
PACKING = frozenset({*TOLD, "max_length_q", "max_length_k"})


def why_texts_cannot_share_rows(model: ModelParts) -> str:
    """Why `model` needs a row for each text; empty where `seq_idx` keeps texts of a row apart."""
    backbone = model.base_model
    if model.config.is_encoder_decoder:
        return "its encoder reads one text and its decoder writes another"
    if model.main_input_name != "input_ids":
        return f"its rows are {model.main_input_name}"
    if backbone is not model and not model.answers_each_token:
        return "it gives one answer for each row"
    return model.one_text_a_row or (backbone.one_text_a_row if isinstance(backbone, ModelParts) else "")


def take_packed_texts(model: ModelParts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> PackedTexts | None:
    """The texts of rows, taken out of the arguments of a call; None where nothing is told of them.

    `position_ids` go with it where forward takes none, for they say nothing more.

    Raises:
        InputError: the numbers are none of the tokens. ArgumentError: the model needs a row for each text, or a cache is given.
    """
    if not is_of_the_library(type(model).forward):
        return None  # a forward that a user wrote knows what it does with them
    taken = forward_annotations(model)
    told = {name: kwargs.pop(name) for name in PACKING if name in kwargs and name not in taken}
    told = {name: told[name] for name in TOLD if told.get(name) is not None}
    if not told:
        return None
    reason = why_texts_cannot_share_rows(model)
    if reason:
        raise ArgumentError(
            f"{type(model).__name__} cannot keep several texts of a row apart ({', '.join(told)}): {reason}. Pad texts to rows"
            " of their own"
        )
    if kwargs.get("past_key_values") is not None:
        raise ArgumentError(f"{', '.join(told)} tell of whole texts, and past_key_values of their beginnings; pass one")
    if "position_ids" not in taken:
        kwargs.pop("position_ids", None)
    return PackedTexts(_numbers(told, _shape(by_name(model, args, kwargs))))


def _shape(values: Mapping[str, Any]) -> tuple[int, int]:
    tokens = next((values[name] for name in ("input_ids", "inputs_embeds") if values.get(name) is not None), None)
    if not isinstance(tokens, Tensor) or tokens.dim() < 2:
        raise InputError(f"seq_idx numbers the tokens of input_ids, found {shown(tokens)}")
    return tokens.shape[0], tokens.shape[1]


def _numbers(told: Mapping[str, Any], shape: tuple[int, int]) -> Tensor:
    """The number of each token's text, (B, T), which all that is told says alike."""
    (name, numbers), *others = ((name, _numbers_of(name, value, shape)) for name, value in told.items())
    for other, same in others:
        # begins of texts, for what number a text has does not matter
        if not torch.equal(numbers.diff() != 0, same.to(numbers.device).diff() != 0):
            raise InputError(f"{name} and {other} tell of different texts; pass one of them, or what agrees")
    return numbers


def _numbers_of(name: str, value: Any, shape: tuple[int, int]) -> Tensor:
    if not isinstance(value, Tensor) or value.dtype not in INTEGERS:
        raise InputError(f"{name} is {shown(value)}; expected whole numbers")
    if name == "seq_idx":
        if tuple(value.shape) != shape:
            raise InputError(f"seq_idx has shape {tuple(value.shape)}; expected a number for each token, {shape}")
        return value
    rows, length = shape
    fits = value.dim() == 1 and len(value) > 1
    if not fits or int(value[0]) != 0 or int(value[-1]) != rows * length or int(value.diff().min()) < 1:
        raise InputError(f"{name} is {value.tolist()!s:.80}; expected where texts begin, rising from 0 to {rows * length}")
    lengths = value.diff()
    numbers = torch.arange(len(lengths), device=value.device).repeat_interleave(lengths.long())
    return numbers.view(rows, length)
