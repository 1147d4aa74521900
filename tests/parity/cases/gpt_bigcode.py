"""GPT-BigCode: every head, one key for all queries and one for each, unscaled scores."""

from typing import Any

import torch
from kit.families import Case, Head, class_labels, token_labels, tokens


def with_segments() -> dict[str, Any]:
    inputs = tokens()
    return {**inputs, "token_type_ids": torch.full_like(inputs["input_ids"], 7)}


CASE = Case(
    config_class="GPTBigCodeConfig",
    config={
        "vocab_size": 99,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "n_positions": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "GPTBigCodeForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GPTBigCodeModel": Head(with_segments),
        "GPTBigCodeForSequenceClassification": Head(tokens, class_labels(3)),
        "GPTBigCodeForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "key_for_each_head": {"multi_query": False},
        "unscaled": {"scale_attn_weights": False, "n_inner": 48},
    },
)
