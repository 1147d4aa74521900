"""RoFormer: every head, as an encoder and as a decoder, embeddings as wide as the states and narrower."""

from dataclasses import replace

from kit.families import Case, tokens
from kit.text_encoders import TINY, encoder_heads

HEADS, CHOICE = encoder_heads("RoFormer", segments=True, decoder="ForCausalLM"), "RoFormerForMultipleChoice"


def choices() -> dict:
    """Padded on the left: the published head takes the last state of all, padding or not."""
    return {name: value.view(2, 3, -1) for name, value in tokens(batch=6, length=13, side="left").items()}


CASE = Case(
    config_class="RoFormerConfig",
    config={**TINY, "embedding_size": 16, "max_position_embeddings": 32},
    heads={**HEADS, CHOICE: replace(HEADS[CHOICE], inputs=choices)},
    variants={
        "decoder": {"is_decoder": True},
        "untied": {"tie_word_embeddings": False},
        "turned values": {"rotary_value": True, "embedding_size": None},
        "relu": {"hidden_act": "relu", "chunk_size_feed_forward": 3},
    },
)
