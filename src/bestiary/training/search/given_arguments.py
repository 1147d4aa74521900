"""What a trial sets of `TrainingArguments`."""

from collections.abc import Mapping
from dataclasses import fields
from types import NoneType
from typing import Any, get_args, get_type_hints

from ...core.errors import ArgumentError, did_you_mean
from ...core.logging import warn_once

_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def as_arguments(args: Any, values: Mapping[str, Any], hears_trial: bool) -> dict[str, Any]:
    """Those of `values` that are fields of `args`, as the type of the field; others are told.

    Args:
        hears_trial: whether `model_init` takes the trial, so that what `args` do not know may be meant for it.

    Raises:
        ArgumentError: a text that is no value of its field.
    """
    known = {each.name for each in fields(args)}
    for name in values:
        hint = did_you_mean(name, known)
        if name not in known and (hint or not hears_trial):
            warn_once("no-argument", f"{name} is no argument of training, and nothing else reads it.{hint}", name)
    kinds = get_type_hints(type(args))
    return {name: as_kind(name, value, kinds.get(name)) for name, value in values.items() if name in known}


def as_kind(name: str, value: Any, kind: Any) -> Any:
    """A value as the type that an annotation names: the first of several that it can be."""
    value = value.item() if hasattr(value, "item") else value
    kinds = [each for each in (get_args(kind) or (kind,)) if isinstance(each, type) and each is not NoneType]
    if isinstance(value, str) and bool in kinds and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    number = next((each for each in (int, float) if each in kinds), None)
    if number is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    if number is float and isinstance(value, int):
        return value
    try:
        return number(float(value)) if number is int else float(value)
    except (ValueError, OverflowError) as error:
        if str in kinds or bool in kinds:
            return value
        raise ArgumentError(f"a trial sets {name} to {value!r:.60}; expected {number.__name__}") from error
