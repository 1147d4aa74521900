"""GTE: every head, with segments and without."""

from kit.families import Case
from kit.text_encoders import TINY, encoder_heads

CASE = Case(
    config_class="GteConfig",
    config={**TINY, "max_position_embeddings": 64},
    heads=encoder_heads("Gte", pad=1, without=("ForQuestionAnswering", "ForMultipleChoice")),
    variants={
        "no segments": {"type_vocab_size": 0},
        "stretched": {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 500.0}, "hidden_act": "silu"},
    },
)
