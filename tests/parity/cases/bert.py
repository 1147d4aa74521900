"""BERT: every head as an encoder, and as a decoder that looks at an encoder."""

from typing import Any

import torch
from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens


def pairs(**kwargs: Any) -> dict[str, Any]:
    """Two texts each: the second half of every row is of the second segment."""
    inputs = tokens(**kwargs)
    segments = torch.zeros_like(inputs["input_ids"])
    segments[:, 4:] = 1
    return {**inputs, "token_type_ids": segments}


def choices() -> dict[str, Any]:
    return {name: value.view(2, 3, -1) for name, value in pairs(batch=6, length=13).items()}


def with_memory() -> dict[str, Any]:
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0]])
    return {**tokens(side="left"), "encoder_hidden_states": torch.randn(3, 5, 32), "encoder_attention_mask": mask}


CASE = Case(
    config_class="BertConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 16,
        "num_labels": 3,
    },
    heads={
        "BertForMaskedLM": Head(pairs, token_labels),
        "BertModel": Head(pairs),
        "BertForPreTraining": Head(
            pairs, lambda inputs: {**token_labels(inputs), "next_sentence_label": class_labels(2)(inputs)["labels"]}
        ),
        "BertLMHeadModel": Head(
            with_memory, token_labels, config={"is_decoder": True, "add_cross_attention": True}, generates=True
        ),
        "BertForNextSentencePrediction": Head(pairs, class_labels(2)),
        "BertForSequenceClassification": Head(pairs, class_labels(3)),
        "BertForTokenClassification": Head(pairs, class_labels(3, per_token=True)),
        "BertForQuestionAnswering": Head(pairs, span_labels, config={"num_labels": 2}),
        "BertForMultipleChoice": Head(
            choices, lambda inputs: {"labels": torch.tensor([2, 0])}, real=lambda inputs: inputs["attention_mask"].flatten(0, 1)
        ),
    },
    variants={
        "decoder": {"is_decoder": True},
        "untied": {"tie_word_embeddings": False},
        "chunks": {"chunk_size_feed_forward": 3},
        "relu": {"hidden_act": "relu", "layer_norm_eps": 1e-3},
    },
)
