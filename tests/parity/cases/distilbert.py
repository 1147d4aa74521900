"""DistilBERT: every head."""

from kit.families import Case
from kit.text_encoders import encoder_heads

CASE = Case(
    config_class="DistilBertConfig",
    config={
        "vocab_size": 99,
        "dim": 32,
        "hidden_dim": 48,
        "n_layers": 2,
        "n_heads": 4,
        "max_position_embeddings": 16,
        "num_labels": 3,
    },
    heads=encoder_heads("DistilBert"),
    variants={
        "untied": {"tie_word_embeddings": False},
        "sines": {"sinusoidal_pos_embds": True},
        "relu": {"activation": "relu", "chunk_size_feed_forward": 3},
    },
)
