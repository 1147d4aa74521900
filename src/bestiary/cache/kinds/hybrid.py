"""The fixed-size cache of models in which layers with a window and layers without one alternate (Gemma 2 and its kind)."""

from typing import Any

from .static import StaticCache

__all__ = ["HybridCache"]

ALIASES = {
    "hybrid_chunked": {},
    "offloaded_hybrid": {"offloading": True},
    "offloaded_hybrid_chunked": {"offloading": True},
}


class HybridCache(StaticCache):
    """A `StaticCache` under the name it has in models with layers of several kinds, which `config.layer_types` lists."""

    kind = "hybrid"


def build(config: Any, length: int, max_cache_len: int | None = None, offloading: bool = False) -> HybridCache:
    """A `HybridCache`; layers without a window get `max_cache_len` slots, or what the call needs."""
    return HybridCache(config, max_cache_len or length, offloading=offloading)
