"""Keys and values kept between steps: what all caches share here, one file per kind in `kinds/`."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "base": ["Cache", "CacheLayer"],
        "building": ["CacheConfig", "build", "implementations"],
        "kinds.dynamic": ["DynamicCache", "DynamicLayer"],
        "encoder_decoder": ["EncoderDecoderCache"],
        "files": ["load_cache", "save_cache"],
        "fingerprints": ["fingerprint"],
        "kinds.hybrid": ["HybridCache"],
        "kinds.offloaded": ["OffloadedCache"],
        "kinds.offloaded_static": ["OffloadedStaticCache"],
        "prefix_store": ["PrefixStore"],
        "kinds.quantized": [
            "HQQQuantizedCache",
            "QuantizedCache",
            "QuantizedCacheConfig",
            "QuantizedLayer",
            "QuantoQuantizedCache",
        ],
        "kinds.recurrent": ["MambaCache", "RecurrentLayer"],
        "kinds.sink": ["SinkCache", "SinkLayer"],
        "kinds.sliding_window": ["SlidingWindowCache", "SlidingWindowLayer"],
        "kinds.static": ["StaticCache", "StaticCacheConfig", "StaticLayer", "StaticSlidingWindowLayer"],
    },
)
