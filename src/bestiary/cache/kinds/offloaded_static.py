"""A cache of fixed size of which only the layer at work is on the accelerator."""

from typing import Any

from ...core.errors import ArgumentError
from .static import StaticCache

__all__ = ["OffloadedStaticCache"]


class OffloadedStaticCache(StaticCache):
    """A `StaticCache` in the host's memory, as `OffloadedCache` is a dynamic one. Its steps cannot be compiled."""

    kind = "offloaded_static"

    def __init__(
        self,
        config: Any = None,
        max_cache_len: int = 0,
        offload_only_non_sliding: bool = True,
        *,
        offload_device: str = "cpu",
        **room: Any,
    ) -> None:
        if str(offload_device) != "cpu":
            raise ArgumentError(f"offload_device is {str(offload_device)!r}; layers can be kept on the 'cpu' only")
        super().__init__(config, max_cache_len, offloading=True, offload_only_non_sliding=offload_only_non_sliding, **room)


def build(config: Any, length: int, max_cache_len: int | None = None) -> OffloadedStaticCache:
    """An `OffloadedStaticCache`; the option `max_cache_len` takes the place of the call's own length."""
    return OffloadedStaticCache(config, max_cache_len or length)
