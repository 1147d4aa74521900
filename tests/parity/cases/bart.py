"""BART: every head, halves of different size, scaled embeddings, tables of their own."""

import torch
from kit.families import Case, Head, Inputs, class_labels, span_labels, tokens

PAD, END = 1, 2


def text() -> Inputs:
    """Tokens with padding."""
    return tokens(pad=PAD)


def ending() -> Inputs:
    """Rows that end with the end-of-sequence token, then padding."""
    inputs = text()
    last = inputs["attention_mask"].sum(-1, keepdim=True) - 1
    inputs["input_ids"] = inputs["input_ids"].scatter(1, last, END)
    return inputs


def both() -> Inputs:
    """The encoder's tokens and another number of the decoder's."""
    return {**text(), "decoder_input_ids": tokens(length=7, pad=PAD)["input_ids"]}


def labels(inputs: Inputs) -> Inputs:
    """Labels of the decoder, one of them ignored."""
    targets = tokens(length=7, pad=PAD)["input_ids"]
    targets[0, -1] = -100
    return {"labels": targets}


def alone() -> Inputs:
    """A decoder's tokens; without padding, from which it could not go on, and before which the reference shifts positions."""
    ids = torch.randint(5, 99, (3, 9))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def own_labels(inputs: Inputs) -> Inputs:
    """Labels of a decoder alone, which are not shifted; one of them ignored."""
    targets = torch.randint(5, 99, inputs["input_ids"].shape)
    targets[0, -1] = -100
    return {"labels": targets}


CASE = Case(
    config_class="BartConfig",
    config={
        "vocab_size": 99,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 40,
        "decoder_ffn_dim": 48,
        "max_position_embeddings": 40,
        "num_labels": 3,
    },
    heads={
        "BartForConditionalGeneration": Head(both, labels, generates=True),
        "BartModel": Head(text),
        "BartForSequenceClassification": Head(ending, class_labels(3)),
        "BartForQuestionAnswering": Head(text, span_labels, config={"num_labels": 2}),
        "BartForCausalLM": Head(alone, own_labels, generates=True),
    },
    variants={
        "relu": {"activation_function": "relu"},
        "halves": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "scaled": {"scale_embedding": True},
        "untied": {"tie_word_embeddings": False},
    },
)
