"""ELECTRA: generator, discriminator and every other head, as an encoder and as a decoder."""

from typing import Any

import torch
from kit.families import Case, Head, tokens
from kit.text_encoders import TINY, encoder_heads


def replaced(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"labels": torch.randint(0, 2, inputs["input_ids"].shape)}


CASE = Case(
    config_class="ElectraConfig",
    config={**TINY, "embedding_size": 16, "max_position_embeddings": 16},
    heads={
        **encoder_heads("Electra", segments=True, decoder="ForCausalLM"),
        "ElectraForPreTraining": Head(tokens, replaced),
    },
    variants={
        "decoder": {"is_decoder": True},
        "untied": {"tie_word_embeddings": False},
        "as wide": {"embedding_size": 32, "hidden_act": "relu"},
    },
)
