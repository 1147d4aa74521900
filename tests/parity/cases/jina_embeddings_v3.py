"""Jina Embeddings v3: every head."""

from kit.families import Case
from kit.text_encoders import TINY, encoder_heads

CASE = Case(
    config_class="JinaEmbeddingsV3Config",
    config={**TINY, "max_position_embeddings": 64},
    heads=encoder_heads("JinaEmbeddingsV3", pad=1, without=("ForMultipleChoice",)),
    variants={
        "untied": {"tie_word_embeddings": False},
    },
)
