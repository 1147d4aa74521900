"""DeBERTa: every head, all parts of scores, both vocabulary heads."""

from kit.families import Case
from kit.text_encoders import TINY, encoder_heads

CASE = Case(
    config_class="DebertaConfig",
    config={
        **TINY,
        "max_position_embeddings": 16,
        "relative_attention": True,
        "pos_att_type": "c2p|p2c",
        "position_biased_input": False,
        "max_relative_positions": -1,
    },
    heads={name: head for name, head in encoder_heads("Deberta").items() if "Choice" not in name},
    variants={
        "near": {"max_relative_positions": 5, "pos_att_type": ["p2c"], "type_vocab_size": 2},
        "contents only": {"relative_attention": False, "pos_att_type": None, "position_biased_input": True},
        "new head": {"legacy": False},
    },
)
