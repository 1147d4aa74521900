"""Funnel: every head, both kinds of positions, every way to pool."""

from typing import Any

import torch
from kit.families import Case, Head
from kit.text_encoders import encoder_heads

HEADS = encoder_heads("Funnel", segments=True)
TEXTS = HEADS["FunnelModel"].inputs


def replaced(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"labels": torch.randint(0, 2, inputs["input_ids"].shape)}


def first_apart() -> dict[str, Any]:
    inputs = TEXTS()
    inputs["token_type_ids"][:, 0] = 2
    return inputs


CASE = Case(
    config_class="FunnelConfig",
    config={
        "vocab_size": 99,
        "block_sizes": [1, 2],
        "num_decoder_layers": 1,
        "d_model": 32,
        "n_head": 4,
        "d_head": 6,
        "d_inner": 48,
        "num_labels": 3,
    },
    heads={
        **HEADS,
        "FunnelBaseModel": Head(first_apart, real=lambda inputs: None),
        "FunnelForPreTraining": Head(TEXTS, replaced),
    },
    variants={
        "factorized": {"attention_type": "factorized", "block_repeats": [2, 2]},
        "three blocks": {"block_sizes": [1, 1, 1, 1], "pooling_type": "max", "tie_word_embeddings": False},
        "keys pooled": {"pool_q_only": False, "truncate_seq": False, "hidden_act": "relu", "num_decoder_layers": 0},
        "factorized keys": {"pool_q_only": False, "attention_type": "factorized", "block_sizes": [1, 1, 1]},
        "first pooled": {"separate_cls": False},
        "first pooled factorized": {"separate_cls": False, "attention_type": "factorized"},
    },
    reads_padding=True,
)
