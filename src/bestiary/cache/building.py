"""A cache by its name, and its options as an object."""

import inspect
from typing import Any

from ..core import plugins
from ..core.config import Record
from ..core.errors import ArgumentError, PluginError, did_you_mean
from . import naming
from .base import Cache


class CacheConfig(Record):
    """The options of a cache as an object, under their published names; what is None is left to the cache."""

    cache_implementation: str | None = None

    @classmethod
    def of(cls, config: Any) -> "CacheConfig":
        """The published `cache_config`: an object of this class, a dictionary of options, or None for no options.

        Raises:
            ArgumentError: it is something else.
        """
        if not isinstance(config, CacheConfig | dict | None):
            raise ArgumentError(f"cache_config is {config!r}; expected a dictionary, or an object such as QuantizedCacheConfig")
        return config if isinstance(config, CacheConfig) else cls.from_dict(config or {})

    def options(self) -> dict[str, Any]:
        """The options that are set."""
        return {name: value for name, value in self.to_dict().items() if value is not None and name != "cache_implementation"}


def build(name: str, config: Any, length: int, options: "dict[str, Any] | CacheConfig | None" = None) -> Cache:
    """An empty cache of the kind `name` for a model with `config` and a call of at most `length` tokens.

    Each file of `kinds/` provides `build(config, length, **its own options)`, and in `ALIASES` further names of the kind with
    the options that these stand for; `options` is the published `cache_config`.

    Raises:
        ArgumentError: no such kind, or the kind has no option of that name. PluginError: its file does not say what it must.
    """
    kind, implied = naming.kind_of(name)
    settings = {**implied, **(options.options() if isinstance(options, CacheConfig) else options or {})}
    build_kind = plugins.definition(naming.KINDS, kind, "cache_implementation", "build")
    option_names = [option for option in inspect.signature(build_kind).parameters if option not in ("config", "length")]
    for option in settings:
        if option not in option_names:
            near = did_you_mean(option, option_names)
            raise ArgumentError(f"cache_config has no option {option!r:.80} for the {kind} cache.{near} Known: {option_names}")
    empty: Cache = build_kind(config, length, **settings)
    if not isinstance(empty, Cache):
        raise PluginError(f"{naming.KINDS}.{kind}: build returned {empty!r:.80}; expected an empty Cache")
    if empty.kind != kind:  # files of caches name it, and are opened by it
        builder = f"{naming.KINDS}.{kind}"
        raise PluginError(f"{builder} builds a {type(empty).__name__} whose kind is {empty.kind!r}; expected {kind!r}")
    return empty
