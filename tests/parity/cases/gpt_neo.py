"""GPT-Neo: every head, global and local layers by turns, local ones alone, an MLP of another width."""

from typing import Any

import torch
from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens


def with_segments() -> dict[str, Any]:
    inputs = tokens()
    return {**inputs, "token_type_ids": torch.full_like(inputs["input_ids"], 7)}


CASE = Case(
    config_class="GPTNeoConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 4,
        "max_position_embeddings": 64,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 5,  # longer than the padding: of a window without a real token the libraries make different things
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "GPTNeoForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GPTNeoModel": Head(with_segments),
        "GPTNeoForSequenceClassification": Head(tokens, class_labels(3)),
        "GPTNeoForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "GPTNeoForQuestionAnswering": Head(tokens, span_labels, config={"num_labels": 2}),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "inner": {"intermediate_size": 48, "activation_function": "relu"},
        "local": {"attention_types": [[["local"], 2]]},
    },
)
