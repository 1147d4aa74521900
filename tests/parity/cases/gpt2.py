"""GPT-2: every head, cross-attention, every way to scale scores."""

from typing import Any

import torch
from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens


def with_memory() -> dict[str, Any]:
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0]])
    inputs = tokens(side="left")
    segments = torch.full_like(inputs["input_ids"], 7)
    memory = {"encoder_hidden_states": torch.randn(3, 5, 32), "encoder_attention_mask": mask}
    return {**inputs, **memory, "token_type_ids": segments}


def texts() -> dict[str, Any]:
    return {**tokens(), "mc_token_ids": torch.tensor([8, 3, 0])}


CASE = Case(
    config_class="GPT2Config",
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
        "GPT2LMHeadModel": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GPT2Model": Head(with_memory, config={"add_cross_attention": True}),
        "GPT2DoubleHeadsModel": Head(texts, lambda inputs: {**token_labels(inputs), "mc_labels": torch.tensor([1])}),
        "GPT2ForSequenceClassification": Head(tokens, class_labels(3)),
        "GPT2ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "GPT2ForQuestionAnswering": Head(tokens, span_labels, config={"num_labels": 2}),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "inner": {"n_inner": 48, "activation_function": "relu"},
        "unscaled": {"scale_attn_weights": False},
        "by_layer": {"scale_attn_by_inverse_layer_idx": True},
        "upcast": {"reorder_and_upcast_attn": True, "scale_attn_by_inverse_layer_idx": True},
    },
)
