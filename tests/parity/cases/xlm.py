"""XLM: every head over texts of two languages."""

from typing import Any

import torch
from kit.families import Case, Head, Inputs, class_labels, span_labels, token_labels, tokens


def texts(**kwargs: Any) -> Inputs:
    inputs = tokens(pad=2, **kwargs)
    length = inputs["input_ids"].shape[1]
    return {**inputs, "langs": torch.arange(length).expand_as(inputs["input_ids"]) % 2}


def choices() -> Inputs:
    return {name: value.view(2, 3, -1) for name, value in texts(batch=6, length=13).items()}


def answer(inputs: Inputs) -> Inputs:
    return {
        "start_positions": torch.tensor([4, 5, 6]),
        "end_positions": torch.tensor([5, 7, 8]),
        "cls_index": torch.tensor([0, 4, 5]),
        "is_impossible": torch.tensor([0.0, 1.0, 0.0]),
    }


def questions() -> Inputs:
    inputs = texts(side="left")  # the last token stands for the text
    return {**inputs, "p_mask": 1.0 - inputs["attention_mask"]}


CASE = Case(
    config_class="XLMConfig",
    config={"vocab_size": 99, "emb_dim": 32, "n_layers": 2, "n_heads": 4, "n_langs": 3, "max_position_embeddings": 32}
    | {"num_labels": 3},
    heads={
        "XLMWithLMHeadModel": Head(texts, token_labels, hides_padding=True),
        "XLMModel": Head(texts, hides_padding=True),
        "XLMForSequenceClassification": Head(texts, class_labels(3), hides_padding=True),
        "XLMForTokenClassification": Head(texts, class_labels(3, per_token=True), hides_padding=True),
        "XLMForMultipleChoice": Head(choices, lambda inputs: {"labels": torch.tensor([2, 0])}, real=lambda inputs: None),
        "XLMForQuestionAnsweringSimple": Head(texts, span_labels, config={"num_labels": 2}, hides_padding=True),
        "XLMForQuestionAnswering": Head(questions, answer, {"start_n_top": 3, "end_n_top": 2}, hides_padding=True),
    },
    variants={
        "causal": {"causal": True, "gelu_activation": False},
        "sinusoidal": {"sinusoidal_embeddings": True, "tie_word_embeddings": False, "chunk_size_feed_forward": 3},
        "one language": {"n_langs": 1},
        "no languages": {"use_lang_emb": False},
    },
)
