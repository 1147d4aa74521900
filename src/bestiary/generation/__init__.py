"""Generation: settings, the decoding loop, strategies, processors of scores, stopping rules, streamers."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {"config": ["GenerationMode"], "loop": ["decode"], "streaming.rows": ["TextDecoder"]},
    folders=["processors", "watermarks"],
    public=True,
)
