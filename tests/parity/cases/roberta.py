"""RoBERTa: every head as an encoder, and as a decoder that looks at an encoder."""

from typing import Any

import torch
from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens


def texts(**kwargs: Any) -> dict[str, Any]:
    return tokens(pad=1, **kwargs)


def choices() -> dict[str, Any]:
    return {name: value.view(2, 3, -1) for name, value in texts(batch=6, length=13).items()}


def with_memory() -> dict[str, Any]:
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0]])
    return {**texts(side="left"), "encoder_hidden_states": torch.randn(3, 5, 32), "encoder_attention_mask": mask}


CASE = Case(
    config_class="RobertaConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 18,
        "type_vocab_size": 1,
        "num_labels": 3,
    },
    heads={
        "RobertaForMaskedLM": Head(texts, token_labels),
        "RobertaModel": Head(texts),
        "RobertaForCausalLM": Head(
            with_memory, token_labels, config={"is_decoder": True, "add_cross_attention": True}, generates=True
        ),
        "RobertaForSequenceClassification": Head(texts, class_labels(3)),
        "RobertaForTokenClassification": Head(texts, class_labels(3, per_token=True)),
        "RobertaForQuestionAnswering": Head(texts, span_labels, config={"num_labels": 2}),
        "RobertaForMultipleChoice": Head(
            choices, lambda inputs: {"labels": torch.tensor([2, 0])}, real=lambda inputs: inputs["attention_mask"].flatten(0, 1)
        ),
    },
    variants={
        "decoder": {"is_decoder": True},
        "untied": {"tie_word_embeddings": False},
        "classifier dropout": {"classifier_dropout": 0.3},
    },
    first_position=2,
)
