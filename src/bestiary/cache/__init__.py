"""Keys and values kept between steps. One file per kind; its name is the value `cache_implementation` takes."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "base": ["Cache", "CacheLayer"],
        "building": ["CacheConfig", "build", "implementations"],
        "dynamic": ["DynamicCache", "DynamicLayer"],
        "encoder_decoder": ["EncoderDecoderCache"],
        "files": ["load_cache", "save_cache"],
        "fingerprints": ["fingerprint"],
        "hybrid": ["HybridCache"],
        "offloaded": ["OffloadedCache"],
        "offloaded_static": ["OffloadedStaticCache"],
        "prefix_store": ["PrefixStore"],
        "quantized": ["HQQQuantizedCache", "QuantizedCache", "QuantizedCacheConfig", "QuantizedLayer", "QuantoQuantizedCache"],
        "recurrent": ["MambaCache", "RecurrentLayer"],
        "sink": ["SinkCache", "SinkLayer"],
        "sliding_window": ["SlidingWindowCache", "SlidingWindowLayer"],
        "static": ["StaticCache", "StaticCacheConfig", "StaticLayer", "StaticSlidingWindowLayer"],
    },
)
