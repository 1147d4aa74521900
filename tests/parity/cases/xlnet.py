"""XLNet: every head over texts that are padded on the left, as the family's tokenizer pads them."""

from typing import Any

import torch
from kit.families import Case, Head, Inputs, class_labels, span_labels, token_labels, tokens


def texts(**kwargs: Any) -> Inputs:
    inputs = tokens(pad=5, first=7, side="left", **kwargs)
    kinds = torch.zeros_like(inputs["input_ids"])
    kinds[:, 4:8], kinds[:, 8:] = 1, 2
    return {**inputs, "token_type_ids": kinds}


def choices() -> Inputs:
    return {name: value.view(2, 3, -1) for name, value in texts(batch=6, length=13).items()}


def answer(inputs: Inputs) -> Inputs:
    """An answer in two of the texts; the last token stands for each."""
    spans = {name: places + 4 for name, places in span_labels(inputs).items()}
    return {**spans, "cls_index": torch.tensor([8, 8, 8]), "is_impossible": torch.tensor([0.0, 1.0, 0.0])}


def questions() -> Inputs:
    inputs = texts()
    outside = 1 - inputs["attention_mask"]
    outside[:, -1] = 1
    return {**inputs, "p_mask": outside.float()}


CASE = Case(
    config_class="XLNetConfig",
    config={"vocab_size": 104, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48, "num_labels": 3, "mem_len": 6},
    heads={
        "XLNetLMHeadModel": Head(texts, token_labels),
        "XLNetModel": Head(texts),
        "XLNetForSequenceClassification": Head(texts, class_labels(3)),
        "XLNetForTokenClassification": Head(texts, class_labels(3, per_token=True)),
        "XLNetForMultipleChoice": Head(choices, lambda inputs: {"labels": torch.tensor([2, 0])}, real=lambda inputs: None),
        "XLNetForQuestionAnsweringSimple": Head(texts, span_labels, config={"num_labels": 2}),
        "XLNetForQuestionAnswering": Head(questions, answer, config={"start_n_top": 3, "end_n_top": 2}),
    },
    variants={
        "all remembered": {"mem_len": None, "reuse_len": 4, "tie_word_embeddings": False},
        "clamped": {"clamp_len": 3, "ff_activation": "relu"},
        "no memory": {"use_mems_eval": False, "use_mems_train": True},
    },
)
