"""XGLM: both heads, attention to an encoder, embeddings as they are, an odd activation, untied embeddings."""

from typing import Any

import torch
from kit.families import Case, Head, token_labels, tokens


def with_memory() -> dict[str, Any]:
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0]])
    return {**tokens(side="left"), "encoder_hidden_states": torch.randn(3, 5, 32), "encoder_attention_mask": mask}


CASE = Case(
    config_class="XGLMConfig",
    config={
        "vocab_size": 99,
        "d_model": 32,
        "ffn_dim": 48,
        "num_layers": 2,
        "attention_heads": 4,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "XGLMForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "XGLMModel": Head(with_memory, config={"add_cross_attention": True}),
    },
    variants={
        "unscaled": {"scale_embedding": False},
        "padding_within_positions": {"pad_token_id": 5},
        "activation": {"activation_function": "relu"},
        "untied": {"tie_word_embeddings": False},
    },
)
