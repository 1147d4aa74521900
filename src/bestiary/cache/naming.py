"""Which kinds of cache there are, and their published aliases. Needs no torch: settings are checked by it."""

from functools import cache
from typing import Any

from ..core import plugins
from ..core.errors import ArgumentError, did_you_mean

KINDS = f"{__package__}.kinds"


def implementations() -> tuple[str, ...]:
    """The values that `cache_implementation` takes, published aliases left out: the file names of `kinds/`."""
    return plugins.names(KINDS)


@cache
def aliases() -> dict[str, tuple[str, dict[str, Any]]]:
    """Further published name of `cache_implementation` -> the kind, and the options that the name stands for.

    Raises:
        PluginError: a name belongs to two kinds.
    """
    kinds = plugins.literals(KINDS, "ALIASES", dict[str, dict[str, Any]])
    plugins.check_unique("the name", {f"{KINDS}.{kind}": [kind, *kinds.get(kind, ())] for kind in implementations()})
    return {alias: (kind, options) for kind, listed in kinds.items() for alias, options in listed.items()}


def kind_of(name: str) -> tuple[str, dict[str, Any]]:
    """The kind that the `cache_implementation` called `name` is, and the options that the name stands for.

    Raises:
        ArgumentError: no such kind.
    """
    kind, implied = aliases().get(name, (name, {}))
    if kind not in implementations():
        names = (*implementations(), *aliases())
        raise ArgumentError(f"unknown cache_implementation {name!r:.80}.{did_you_mean(name, names)} Known: {', '.join(names)}")
    return kind, implied
