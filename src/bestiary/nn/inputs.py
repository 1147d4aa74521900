"""What is wrong with token ids, embeddings and masks, said in words before anything runs.

Types and shapes are always looked at, numbers only where they are at hand (`nn/values.py`): not on an accelerator.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from numbers import Integral
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError, OutOfVocabulary
from ..core.logging import warn_once
from ..core.outputs import ModelOutput
from .values import extremes, is_true, may_look

Forward = TypeVar("Forward", bound=Callable[..., Any])
INTEGERS = (torch.int64, torch.int32)


def shown(value: Any) -> str:
    """What a value is, for an error: "of dtype and shape", or "a list"."""
    return f"of {value.dtype} and shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def check_ids(ids: Any, name: str = "input_ids", may_be_empty: bool = False) -> None:
    """Refuse what are no token ids (B, T), with at least one token unless they `may_be_empty`."""
    if not isinstance(ids, Tensor):
        raise InputError(f"{name} is a {type(ids).__name__}; expected a tensor (from a tokenizer: return_tensors='pt')")
    if ids.dtype not in INTEGERS:
        raise InputError(f"{name} is of {ids.dtype}; expected whole numbers of torch.int64 (ids.long())")
    if ids.dim() != 2 or (ids.shape[1] == 0 and not may_be_empty):
        ways = ["; for a single token: ids.view(1, 1)", "; for a single text: ids.unsqueeze(0)", ", at least one token", ""]
        way = ways[min(ids.dim(), 3)]
        raise InputError(f"{name} has shape {tuple(ids.shape)}; expected (batch, tokens){way}")


def check_device(ids: Tensor, device: torch.device, name: str = "input_ids") -> None:
    """Refuse ids without numbers for a model on a `device` that has some."""
    if ids.is_meta and device.type != "meta":
        raise InputError(f"{name} are on the meta device and hold nothing; the model is on {device}")


def token_list(ids: Any, size: int) -> list[int]:
    """The token ids of one prompt as a list, from a list or an array (T,) or (1, T), for a vocabulary of `size` tokens.

    Raises:
        InputError: it is something else, or several prompts, or empty, or holds what is no id of the vocabulary.
    """
    if isinstance(ids, Tensor | np.ndarray):
        shape = tuple(ids.shape)
        if len(shape) - (len(shape) == 2 and shape[0] == 1) != 1:
            raise InputError(f"a prompt has the shape {shape}; expected (tokens,): each request is one prompt")
        ids = ids.reshape(-1).tolist()
    if not isinstance(ids, Iterable) or isinstance(ids, str | bytes | Mapping):
        raise InputError(f"a prompt is {ids!r:.60}; expected a list of token ids")
    tokens = list(ids)
    if not tokens:
        raise InputError("a prompt is empty; there must be at least one token")
    for token in tokens:
        if not isinstance(token, Integral) or isinstance(token, bool) or not 0 <= int(token) < size:
            kind = OutOfVocabulary if isinstance(token, Integral) else InputError
            raise kind(f"a prompt holds {token!r:.60}; expected token ids from 0 to {size - 1}")
    return [int(token) for token in tokens]


def check_vocabulary(ids: Tensor, size: int | None, name: str = "input_ids") -> None:
    """Refuse ids that a vocabulary of `size` tokens does not have; None where the size is not known.

    Raises:
        OutOfVocabulary: the worst of them.
    """
    bounds = extremes(ids)
    if bounds is None or size is None or 0 <= bounds[0] <= bounds[1] < size:
        return
    wrong = bounds[0] if bounds[0] < 0 else bounds[1]
    raise OutOfVocabulary(
        f"{name} holds the id {wrong}, outside of the vocabulary of {size} (0 to {size - 1});"
        " the tokenizer belongs to another model, or resize_token_embeddings was not called"
    )


def check_embeds(embeds: Any, table: nn.Module, dtype: torch.dtype, name: str = "inputs_embeds") -> None:
    """Refuse embeddings that are no numbers (B, T, D) as the `table` gives them."""
    width: Any = table.embedding_dim if isinstance(table, nn.Embedding) else "width"
    if not isinstance(embeds, Tensor):
        raise InputError(f"{name} is a {type(embeds).__name__}; expected a tensor (batch, tokens, {width})")
    if embeds.dim() != 3 or width not in ("width", embeds.shape[-1]) or 0 in embeds.shape:
        raise InputError(f"{name} has shape {tuple(embeds.shape)}; expected (batch, tokens, {width}), none of them 0")
    if not embeds.is_floating_point():
        raise InputError(f"{name} is of {embeds.dtype}; expected {dtype}; ids go in as input_ids")


def check_mask(mask: Any, rows: int, name: str = "attention_mask", beside: str = "input_ids") -> None:
    """Refuse a mask of other rows than `beside`; warn of one of two dimensions with other numbers than 0 and 1."""
    if not isinstance(mask, Tensor):
        raise InputError(f"{name} is a {type(mask).__name__}; expected a tensor (batch, keys)")
    if mask.is_complex():
        raise InputError(f"{name} is of {mask.dtype}; expected 1 for real tokens and 0 for padding")
    if mask.layout != torch.strided:
        raise InputError(f"{name} is of the layout {mask.layout}; expected an ordinary tensor: pass {name}.to_dense()")
    if mask.dim() > 1 and mask.shape[0] not in (1, rows):
        raise InputError(f"{name} has {mask.shape[0]} rows and {beside} {rows}; expected one for each")
    if mask.dim() == 2:
        warn_of_numbers(mask, name)


def check_slots(mask: Any, slots: int, rows: int, name: str = "attention_mask") -> None:
    """Refuse a mask of another shape than (rows, slots); warn of other numbers than 0 and 1, and where a row has no token."""
    if not isinstance(mask, Tensor):
        raise InputError(f"{name} is a {type(mask).__name__}; expected a tensor of shape {(rows, slots)}")
    if mask.shape != (rows, slots):
        raise InputError(
            f"{name} has shape {tuple(mask.shape)}; expected {(rows, slots)} (a row per prompt, cached tokens too)"
        )
    warn_of_numbers(mask, name, wait=True)
    some = (mask != 0).any(dim=1)
    if not bool(some.all()):
        row = int(some.int().argmin())
        warn_once("empty-row", f"{name} hides all tokens of row {row}; what follows there is made of nothing")


def check_text(ids: Any, mask: Any, name: str = "input_ids", mask_name: str = "attention_mask") -> None:
    """Refuse what are no token ids (B, T), or a mask of two dimensions that does not cover exactly these."""
    check_ids(ids, name)
    if mask is not None:
        check_mask(mask, ids.shape[0], mask_name, beside=name)
        if mask.dim() < 4 and mask.shape[1:] != ids.shape[1:]:
            raise InputError(f"{mask_name} has shape {tuple(mask.shape)} and {name} {tuple(ids.shape)}; expected the same")


def warn_of_numbers(mask: Tensor, name: str = "attention_mask", wait: bool = False) -> None:
    """Warn of a mask of other numbers than 0 and 1; `wait` for the numbers where they are not at hand."""
    if mask.dtype == torch.bool or not (wait or may_look(mask)):
        return
    bounds = extremes(mask)
    if wait or mask.is_floating_point() or (bounds is not None and not 0 <= bounds[0] <= bounds[1] <= 1):
        other = (mask != 0) & (mask != 1)
        if bool(other.any()) if wait else is_true(other.any()):
            warn_once(
                "mask-numbers",
                f"{name} holds {mask[other][0].item()}; it says which tokens are real: any number but 0 does (masks of 4"
                " dimensions are added to scores; Mamba multiplies by its mask). Expected 1 for real tokens and 0 for padding",
            )


def warn_of_hidden_rows(mask: Tensor | None, name: str = "attention_mask") -> None:
    """Warn once of a row of `mask` (B, ...) without a real token or pixel, where the numbers are at hand.

    For what is seen in one pass: in a pass with a cache the real tokens of a row may come later.
    """
    if mask is None or mask.dim() not in (2, 3) or not mask.numel() or not may_look(mask):
        return
    hidden = ~mask.flatten(1).any(1)
    if is_true(hidden.any()):
        warn_once("hidden-row", f"row {int(hidden.int().argmax())} of {name} hides everything; its result means nothing")


def warn_of_words(**flags: Any) -> None:
    """Warn once of each of the `flags` that is a text instead of true or false: "no" counts as true."""
    for name, value in flags.items():
        if isinstance(value, str):
            warn_once(
                "flag-is-text", f"{name} is the text {value!r:.80}, which counts as {bool(value)}; pass True or False", name
            )


def check_flag(value: Any, name: str) -> None:
    """Refuse several numbers in the place of true or false."""
    if isinstance(value, Tensor) and value.numel() != 1:
        raise InputError(f"{name} is {shown(value)}; expected True or False")


def check_companion(value: Any, name: str, shape: Sequence[int], beside: str = "input_ids") -> None:
    """Refuse numbers that go with each token (positions, segments) of another length or other rows than `beside` (`shape`)."""
    if not isinstance(value, Tensor):
        raise InputError(f"{name} are a {type(value).__name__}; expected a tensor of torch.int64")
    if value.shape[-1:] != shape[1:2] or (value.dim() == 2 and value.shape[0] not in (1, shape[0])):
        raise InputError(f"{name} have shape {tuple(value.shape)} beside {beside} of {tuple(shape)}")
    if value.dim() > 3:
        raise InputError(f"{name} have {value.dim()} dimensions; expected at most 3, the last of them the tokens")
    if value.is_complex():
        raise InputError(f"{name} are of {value.dtype}; expected a tensor of torch.int64")
    if value.is_floating_point() and is_true(~value.isfinite().all()):
        raise InputError(f"{name} hold NaN or numbers without end; expected finite ones")


def check_rows(numbers: Tensor, name: str, count: int | None = None) -> None:
    """Refuse what are no rows of a table, which has `count` of them: numbers with fractions, below 0, or from `count` on."""
    if numbers.dtype not in INTEGERS:
        raise InputError(f"{name} are of {numbers.dtype}; expected a tensor of torch.int64")
    bounds = extremes(numbers)
    if bounds is not None and bounds[0] < 0:
        raise InputError(f"{name} hold {bounds[0]}; they count from 0")
    if bounds is not None and count is not None and bounds[1] >= count:
        raise InputError(f"{name} hold {bounds[1]}; this model knows {count} of them, 0 to {count - 1}")


def check_states(states: Any, name: str, rows: int, width: int, beside: str = "input_ids", length: int | None = None) -> None:
    """Refuse what are no states (B, S, D), one or one for each of the `rows` of `beside`; D is the `width`, S the `length`."""
    if torch.compiler.is_compiling():
        return  # sizes that may vary in a graph must not be compared
    shape = states.shape if isinstance(states, Tensor) and states.is_floating_point() else ()
    if len(shape) != 3 or shape[2] != width or length not in (None, shape[1]):
        expected = f"(batch, {'length' if length is None else length}, {width})"
        raise InputError(f"{name} is {shown(states)}; expected states of shape {expected}")
    if shape[0] not in (1, rows):
        raise InputError(f"{name} has {shape[0]} rows and {beside} {rows}; expected one for each")


def check_encoded(encoded: Any, source: Any, main: str) -> Tensor:
    """The states (B, S, D) in the encoder's output `encoded`, if they fit the `source` that it read, its input `main`.

    Raises:
        InputError: it holds something else.
    """
    expected = "expected states (batch, length, width) as the encoder gives them"
    if not isinstance(encoded, Mapping | ModelOutput):
        raise InputError(f"encoder_outputs are {encoded!r:.60} of type {type(encoded).__name__}; {expected}")
    states = encoded.get("last_hidden_state")
    if not isinstance(states, Tensor) or states.dim() != 3 or 0 in states.shape or not states.is_floating_point():
        content = f"shape {tuple(states.shape)}" if isinstance(states, Tensor) else f"a {type(states).__name__}"
        raise InputError(f"encoder_outputs hold {content}; {expected}")
    if isinstance(source, Tensor) and source.shape[0] != states.shape[0]:
        raise InputError(f"encoder_outputs have {states.shape[0]} rows and {main} {source.shape[0]}")
    return states


def check_places(places: Any, name: str, shape: Sequence[int], length: int | None = None) -> Tensor:
    """`places`, the number of a token in each text of a batch of this `shape`, as int64.

    Raises:
        InputError: another type or shape, or places outside of the `length`, where there is one.
    """
    if not isinstance(places, Tensor) or places.is_floating_point() or places.is_complex() or places.shape != tuple(shape):
        raise InputError(f"{name} is {shown(places)}; expected torch.int64 of shape {tuple(shape)}, a place for each text")
    bounds = None if length is None else extremes(places)
    if bounds is not None and length is not None and not 0 <= bounds[0] <= bounds[1] < length:
        raise InputError(f"{name} goes from {bounds[0]} to {bounds[1]}; a text has the places 0 to {length - 1}")
    return places.long()


def warn_of_padding(ids: Tensor, pad: int | None, others: Sequence[int | Sequence[int] | None]) -> None:
    """Warn of padding in `ids` (B, T) that no mask hides, where the token `pad` is none of the `others` too."""
    if pad is None or pad in others or not may_look(ids):
        return
    if is_true((ids == pad).any()):
        warn_once(
            "padding-unmasked",
            f"input_ids hold the padding token {pad} and came without attention_mask: padding is attended to as any other"
            " token. Pass the tokenizer's attention_mask, or torch.ones_like(input_ids) if that is meant",
        )


def one_of(ids: Tensor | None, embeds: Tensor | None, prefix: str = "", instead: str = "") -> None:
    """Refuse both or neither of `input_ids` and `inputs_embeds`; `instead` is what neither would need."""
    if (ids is None) == (embeds is None):
        number = "neither" if ids is None else "both"
        raise InputError(f"pass either {prefix}input_ids or {prefix}inputs_embeds, and not both{instead}; found {number}")


def arguments_of(inner: Callable[..., Any]) -> Callable[[Forward], Forward]:
    """Decorates a forward that hands all its arguments on to `inner`: it is seen to take, by name, those of `inner`."""

    def show(forward: Forward) -> Forward:
        return cast(Forward, wraps(inner)(forward))

    return show


def forward_parameters(*kinds: type[Any]) -> frozenset[str]:
    """Names of the arguments that the forward of a model takes; one that hands the rest on is followed by its backbone.

    Args:
        kinds: the class of the model, and that of its backbone.
    """
    return frozenset(forward_annotations(*kinds))


def forward_annotations(*kinds: type[Any]) -> dict[str, Any]:
    """The same names, in order, each with its annotation."""
    return _annotations(*(kind.__dict__.get("forward") for each in kinds for kind in each.__mro__ if kind is not nn.Module))


@cache
def _annotations(*forwards: Any) -> dict[str, Any]:
    annotations: dict[str, Any] = {}
    for forward in filter(None, forwards):
        parameters = list(inspect.signature(forward).parameters.values())[1:]  # without the module
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                annotations.setdefault(parameter.name, parameter.annotation)
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            break
    return annotations
