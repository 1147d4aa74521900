"""MPNet: every head, a table of distances with rows to spare."""

from kit.families import Case
from kit.text_encoders import TINY, encoder_heads

CASE = Case(
    config_class="MPNetConfig",
    config={**TINY, "max_position_embeddings": 18},
    heads=encoder_heads("MPNet", pad=1),
    variants={"untied": {"tie_word_embeddings": False}, "more rows": {"relative_attention_num_buckets": 40}},
    first_position=2,
)
