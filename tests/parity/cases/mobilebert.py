"""MobileBERT: every head, with and without bottlenecks, both kinds of norms."""

from typing import Any

import torch
from kit.families import Case, Head
from kit.text_encoders import TINY, encoder_heads

HEADS = encoder_heads("MobileBert", segments=True)
TEXTS, TOKENS = HEADS["MobileBertForMaskedLM"].inputs, HEADS["MobileBertForMaskedLM"].labels


def order(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"labels": torch.tensor([0, 1, 1])}


def both(inputs: dict[str, Any]) -> dict[str, Any]:
    return {**TOKENS(inputs), "next_sentence_label": torch.tensor([0, 1, 1])}


CASE = Case(
    config_class="MobileBertConfig",
    config={
        **TINY,
        "embedding_size": 16,
        "intra_bottleneck_size": 16,
        "max_position_embeddings": 16,
        "num_feedforward_networks": 2,
    },
    heads={
        **HEADS,
        "MobileBertForPreTraining": Head(TEXTS, both),
        "MobileBertForNextSentencePrediction": Head(TEXTS, order),
    },
    variants={
        "norms": {"normalization_type": "layer_norm", "tie_word_embeddings": False, "num_feedforward_networks": 1},
        "narrow attention": {"use_bottleneck_attention": True, "hidden_act": "gelu"},
        "wide queries": {"key_query_shared_bottleneck": False, "intra_bottleneck_size": 32},
        "no bottleneck": {"use_bottleneck": False, "trigram_input": False, "use_bottleneck_attention": True},
    },
    reads_padding=True,
)
