"""Nomic Embed: every head, segments, heads wider than their share of the states."""

from kit.families import Case
from kit.text_encoders import TINY, encoder_heads

CASE = Case(
    config_class="NomicBertConfig",
    config={**TINY, "max_position_embeddings": 64},
    heads=encoder_heads("NomicBert", pad=0, segments=True, without=("ForQuestionAnswering", "ForMultipleChoice")),
    variants={
        "stretched": {"rope_parameters": {"rope_type": "linear", "factor": 2.0}, "hidden_act": "gelu"},
        "wide heads": {"head_dim": 10},
    },
)
