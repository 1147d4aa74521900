"""CodeGen: every head, whole heads turning, an MLP of another width."""

from typing import Any

import torch
from kit.families import Case, Head, token_labels, tokens


def with_segments() -> dict[str, Any]:
    inputs = tokens()
    return {**inputs, "token_type_ids": torch.full_like(inputs["input_ids"], 7)}


CASE = Case(
    config_class="CodeGenConfig",
    config={
        "vocab_size": 99,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "n_positions": 64,
        "rotary_dim": 4,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "CodeGenForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "CodeGenModel": Head(with_segments),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "all_turning": {"rotary_dim": 8, "n_inner": 48, "activation_function": "relu"},
    },
)
