"""Dia (https://github.com/nari-labs/dia): dialogues as channels of audio codes. Its score processors; no model yet."""

from ...core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "score_processors": [
            "DiaClassifierFreeGuidanceLogitsProcessor",
            "DiaEOSChannelFilterLogitsProcessor",
            "DiaEOSDelayPatternLogitsProcessor",
        ]
    },
)
