"""ESM: every head, rotary positions and a table, masked tokens that count as dropped."""

from kit.families import Case
from kit.text_encoders import TINY, encoder_heads

CASE = Case(
    config_class="EsmConfig",
    config={
        **TINY,
        "max_position_embeddings": 18,
        "pad_token_id": 1,
        "mask_token_id": 33,
        "position_embedding_type": "rotary",
        "token_dropout": True,
    },
    heads=encoder_heads("Esm", pad=1, without=("ForQuestionAnswering", "ForMultipleChoice")),
    variants={
        "table": {"position_embedding_type": "absolute", "emb_layer_norm_before": True, "token_dropout": False},
        "decoder": {"is_decoder": True},
    },
    first_position=2,
)
