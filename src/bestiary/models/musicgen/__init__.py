"""MusicGen (https://arxiv.org/abs/2306.05284): music from a description. Its score processor; no model yet."""

from ...core.plugins import lazy

__getattr__, __dir__ = lazy(__name__, {"score_processors": ["ClassifierFreeGuidanceLogitsProcessor"]})
