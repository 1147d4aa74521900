"""Keys and values kept between steps. One file per kind; its name is the value `cache_implementation` takes."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "base": ["Cache", "CacheLayer", "build", "implementations"],
        "dynamic": ["DynamicCache", "DynamicLayer"],
        "static": ["StaticCache", "StaticLayer"],
        "encoder_decoder": ["EncoderDecoderCache"],
    },
)
