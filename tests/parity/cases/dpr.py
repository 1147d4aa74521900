"""DPR: both encoders and the reader, with and without a projection."""

from kit.families import Case, Head, tokens
from kit.text_encoders import TINY, encoder_heads

TEXTS = encoder_heads("DPR", segments=True)["DPRModel"].inputs

CASE = Case(
    config_class="DPRConfig",
    config={**TINY, "max_position_embeddings": 16, "projection_dim": 24},
    heads={
        "DPRQuestionEncoder": Head(TEXTS, hides_padding=True),
        "DPRContextEncoder": Head(TEXTS, hides_padding=True),
        "DPRReader": Head(tokens, config={"projection_dim": 0}),
    },
    variants={"no projection": {"projection_dim": 0}},
)
