"""A growing cache of which only the layer at work is on the accelerator."""

from typing import Any

from .dynamic import DynamicCache

__all__ = ["OffloadedCache"]


class OffloadedCache(DynamicCache):
    """A `DynamicCache` in the host's memory: each layer comes to the accelerator for its own step and leaves after it.

    The next layer is fetched while the current one computes. The tokens are the same; accelerator memory is that of two
    layers; time is lost where the transfer takes longer than the layer. On the CPU nothing has to move.
    """

    kind = "offloaded"

    def __init__(self, ddp_cache_data: Any = (), config: Any = None, offload_only_non_sliding: bool = False) -> None:
        super().__init__(ddp_cache_data, config, offloading=True, offload_only_non_sliding=offload_only_non_sliding)

    def options(self) -> dict[str, Any]:
        return {}


def build(config: Any, length: int) -> OffloadedCache:
    """An `OffloadedCache`."""
    return OffloadedCache(config=config)
