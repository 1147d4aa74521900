"""Keys and values kept between steps: what all caches share here, one file per kind in `kinds/`."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "base": ["Cache"],
        "layer": ["CacheLayer"],
        "mixin_layer": ["CacheLayerMixin"],
        "building": ["CacheConfig", "build"],
        "naming": ["implementations"],
        "encoder_decoder": ["EncoderDecoderCache"],
        "files": ["load_cache", "save_cache"],
        "fingerprints": ["fingerprint"],
        "prefix_store": ["PrefixStore"],
    },
    folders=["kinds"],
)
