"""Bark (https://github.com/suno-ai/bark): speech as codes of sound. Its score processors; no model yet."""

from ...core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__, {"score_processors": ["AlternatingCodebooksLogitsProcessor", "BarkEosPrioritizerLogitsProcessor"]}
)
