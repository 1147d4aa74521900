"""The options of a call of a processor: which of its parts each reaches."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from ..core.errors import ArgumentError, did_you_mean
from ..core.logging import warn_once
from .text.encoding import OLDER_OPTIONS as OLDER

KINDS_OF_OPTIONS = ("text_kwargs", "images_kwargs", "audio_kwargs", "videos_kwargs")


def routed(
    processor: str, parts: Mapping[str, tuple[str, Set[str]]], options: dict[str, Any], leave_out: Set[str] = frozenset()
) -> dict[str, dict[str, Any]]:
    """The options of each part: those of its kind, and of all others those that it knows.

    What no part knows changes nothing, and a warning says so.

    Args:
        processor: its name. parts: name of a part -> the dictionary of options that is its own (`"text_kwargs"`), and the names
            of the options that it takes. leave_out: the parts that are not handed, of their own options, what they do not know.

    Raises:
        ArgumentError: an option comes twice, in the dictionary of a kind and by itself; a dictionary is none.
    """
    for name in ("common_kwargs", *KINDS_OF_OPTIONS):
        if not isinstance(options.get(name) or {}, Mapping):
            raise ArgumentError(f"{name} is {options[name]!r:.80}; expected a dictionary of options")
    common = options.pop("common_kwargs", None) or {}
    of_kind = {kind: options.pop(kind, None) or {} for kind in KINDS_OF_OPTIONS}
    known = set().union(*(names for _, names in parts.values()))
    for name in {**options, **common}.keys() - known:
        _warn([name], f"no part of {processor} takes an argument {name!r:.80}; it changes nothing", known)
    kinds = {kind for kind, _ in parts.values()}
    for kind, options_of_part in of_kind.items():
        refuse_twice(kind, options_of_part, options)
        if options_of_part and kind not in kinds:
            warn_once(
                f"unused-{kind}", f"{processor} has no part for {kind} ({', '.join(options_of_part)}); they change nothing"
            )
    shared = {**common, **options}
    result = {}
    for part, (kind, names) in parts.items():
        options_of_part = dict(of_kind[kind])
        for name in sorted(options_of_part.keys() - names - OLDER) if part in leave_out else ():
            _warn([name], f"the {part} of {processor} takes no argument {name!r:.80}; it changes nothing", names)
            del options_of_part[name]
        result[part] = {name: value for name, value in shared.items() if name in names} | options_of_part
    return result


def merged_by_kind(processor: str, declaration: Any, stored: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """What `ProcessorMixin._merge_kwargs` gives; `stored` is what the tokenizer was built with."""
    declared = declaration.__annotations__
    defaults = vars(declaration).get("_defaults", {})
    kinds = {kind: set(declared[kind].__annotations__) for kind in KINDS_OF_OPTIONS}
    common = {**defaults.get("common_kwargs", {}), **options.pop("common_kwargs", {})}
    merged: dict[str, Any] = {}
    for kind, names in kinds.items():
        alone = options.pop(kind, {})
        refuse_twice(kind, alone, {name: value for name, value in options.items() if name in names})
        if unknown := sorted(alone.keys() - names):
            _warn(
                unknown,
                f"{processor} declares no {', '.join(unknown)} in {kind}; such options are handed on as they are",
                names,
            )
        of_tokenizer = {name: value for name, value in stored.items() if name in names}
        flat = {name: value for name, value in options.items() if name in names}
        merged[kind] = {**defaults.get(kind, {}), **of_tokenizer, **common, **flat, **alone}
    known = set().union(*kinds.values())
    merged |= {name: value for name, value in options.items() if name in declared}
    if ignored := sorted(options.keys() - known - declared.keys() - {"text", "images", "audio", "videos"}):
        _warn(ignored, f"{processor} takes no {', '.join(ignored)}; they change nothing", known)
    return merged


def refuse_twice(kind: str, own: Mapping[str, Any], flat: Mapping[str, Any]) -> None:
    """Refuse options that stand in the dictionary of a kind and by themselves."""
    if twice := sorted(own.keys() & flat.keys()):
        raise ArgumentError(f"{', '.join(twice)} came twice, in {kind} and by itself; pass it once")


def _warn(names: Sequence[str], what: str, known: Set[str]) -> None:
    """One warning about options that nobody knows, with what is nearest to the first of them."""
    warn_once(f"unknown-options-{names[0]}", f"{what}.{did_you_mean(names[0], sorted(known))}")
