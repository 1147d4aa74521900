"""What the options of a tokenizer's call mean, read once for all calls that say the same."""

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from ...core.errors import ArgumentError, InputError
from .encode import EncodeOptions
from .padding import padding_of, padding_strategy
from .truncation import Truncation, truncation_strategy

UNLIMITED = int(1e30)
TOO_LONG = ("warn", "error", "cut", "window")


class CallPlan(NamedTuple):
    """texts, targets: how those of a call are encoded. told: the code and message of each warning that the call deserves."""

    texts: EncodeOptions
    targets: EncodeOptions
    told: tuple[tuple[str, str], ...]


def read_call(*said: Any) -> CallPlan:
    """The plan of a call, by the options that it said and the tokenizer's own; see `_read` for their order.

    Raises:
        ArgumentError, InputError: an option is none of what is known, or two exclude each other.
    """
    try:
        return _read_once(*said)
    except TypeError:  # something that cannot be kept as a key
        return _read(*said)


def _read(
    padding: bool | str,
    truncation: bool | str | None,
    max_length: int | None,
    max_target_length: int | None,
    stride: int,
    multiple: int | None,
    padding_side: str,
    truncation_side: str,
    model_max_length: int,
    policy: str,
    verbose: bool,
    add_special_tokens: bool,
    split_special_tokens: bool,
    add_prefix_space: bool | None,
    words: bool,
    tensors: str | None,
    token_type_ids: bool | None,
    attention_mask: bool | None,
    overflow: bool,
    special_tokens_mask: bool,
    offset_mapping: bool,
    return_length: bool,
    model_input_names: tuple[str, ...],
) -> CallPlan:
    told: list[tuple[str, str]] = []

    def warn(code: str, message: str) -> None:
        told.append((code, message))

    if policy not in TOO_LONG:
        raise ArgumentError(f"on_too_long is {policy!r}; expected one of {', '.join(TOO_LONG)}")
    limited = model_max_length < UNLIMITED
    length = model_max_length if max_length is None and limited else max_length
    strategy = truncation_strategy(truncation, max_length, padding, lambda text: warn("max-length", text))
    if strategy is None and policy in ("cut", "window") and limited:
        strategy = "longest_first"
    if strategy and length is None:
        warn("no-limit", f"truncation={truncation!r} cuts nothing: neither max_length nor model_max_length is set")
    cut = Truncation(length, strategy, stride, truncation_side) if strategy and length is not None else None
    if cut and multiple and cut.max_length % multiple and padding_strategy(padding) != "do_not_pad":
        raise InputError(
            f"rows cut to {length} tokens cannot be padded to a multiple of {multiple} without going over {length}"
        )
    asked = {
        "token_type_ids": token_type_ids,
        "attention_mask": attention_mask,
        "special_tokens_mask": special_tokens_mask,
        "offset_mapping": offset_mapping,
    }
    texts = targets = EncodeOptions(
        add_special_tokens=add_special_tokens,
        split_special_tokens=split_special_tokens,
        prefix_space=add_prefix_space,
        words=words,
        padding=padding_of(padding, length, multiple, padding_side, warn),
        truncation=cut,
        overflow=overflow or (policy == "window" and limited),
        tensors=tensors,
        length=return_length,
        policy=policy if verbose or policy != "warn" else "silent",
        columns=tuple(name for name, value in asked.items() if (name in model_input_names if value is None else value)),
    )
    if max_target_length is not None:
        targets = replace(
            texts,
            padding=padding_of(padding, max_target_length, multiple, padding_side, warn),
            truncation=replace(cut, max_length=max_target_length) if cut else None,
        )
    return CallPlan(texts, targets, tuple(told))


# By type too: 1 is no True here.
_read_once = lru_cache(maxsize=256, typed=True)(_read)
