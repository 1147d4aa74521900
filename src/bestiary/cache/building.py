"""A cache by its name: which kinds there are, their published aliases, and their options as an object."""

import inspect
from typing import Any

from ..core import plugins
from ..core.config import Record
from ..core.errors import ArgumentError, did_you_mean
from .base import Cache


class CacheConfig(Record):
    """The options of a cache as an object, under their published names; what is None is left to the cache."""

    cache_implementation: str | None = None

    def options(self) -> dict[str, Any]:
        """The options that are set."""
        held = self.to_dict()
        return {name: held[name] for name in held if held[name] is not None and name != "cache_implementation"}


_KINDS = f"{__package__}.kinds"
# Further published names of `cache_implementation`, and the options they stand for.
_ALIASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamic_full": ("dynamic", {"keep_all": True}),
    "mamba": ("recurrent", {}),
    "hybrid_chunked": ("hybrid", {}),
    "offloaded_hybrid": ("hybrid", {"offloading": True}),
    "offloaded_hybrid_chunked": ("hybrid", {"offloading": True}),
}


def implementations() -> tuple[str, ...]:
    """The values that `cache_implementation` takes, published aliases left out: the file names of `kinds/`."""
    return plugins.names(_KINDS)


def build(name: str, config: Any, length: int, options: "dict[str, Any] | CacheConfig | None" = None) -> Cache:
    """An empty cache of the kind `name` for a model with `config` and a call of at most `length` tokens.

    Each file provides `build(config, length, **its own options)`; `options` is the published `cache_config`.

    Raises:
        ArgumentError: no such kind, or the kind has no option of that name.
    """
    name, implied = _ALIASES.get(name, (name, {}))
    if name not in implementations():
        kinds = (*implementations(), *_ALIASES)
        raise ArgumentError(f"unknown cache_implementation {name!r}.{did_you_mean(name, kinds)} Known: {', '.join(kinds)}")
    given = {**implied, **(options.options() if isinstance(options, CacheConfig) else options or {})}
    make = plugins.load(_KINDS, name, "cache_implementation").build
    known = [option for option in inspect.signature(make).parameters if option not in ("config", "length")]
    for option in given:
        if option not in known:
            near = did_you_mean(option, known)
            raise ArgumentError(f"cache_config has no option {option!r} for the {name} cache.{near} Known: {known}")
    made: Cache = make(config, length, **given)
    return made
