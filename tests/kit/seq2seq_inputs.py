"""Inputs and labels of encoder-decoders that read text, for their cases; `pad` and `end` are the ids of the special tokens."""

from collections.abc import Callable
from typing import Any

import torch

from .families import Inputs, tokens

SIZES: dict[str, Any] = {
    "vocab_size": 99,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 40,
}
"""Of tiny models whose halves differ in size."""


def ending(pad: int, end: int) -> Inputs:
    """Rows that end with the end-of-sequence token, then padding."""
    inputs = tokens(pad=pad)
    last = inputs["attention_mask"].sum(-1, keepdim=True) - 1
    inputs["input_ids"] = inputs["input_ids"].scatter(1, last, end)
    return inputs


def both(pad: int) -> Inputs:
    """The encoder's tokens and another number of the decoder's."""
    return {**tokens(pad=pad), "decoder_input_ids": tokens(length=7, pad=pad)["input_ids"]}


def labels(pad: int) -> Callable[[Inputs], Inputs]:
    """Labels of the decoder, one of them ignored."""

    def make(inputs: Inputs) -> Inputs:
        targets = tokens(length=7, pad=pad)["input_ids"]
        targets[0, -1] = -100
        return {"labels": targets}

    return make


def alone() -> Inputs:
    """A decoder's tokens; without padding, from which it could not go on, and before which the reference shifts positions."""
    ids = torch.randint(5, 99, (3, 9))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def own_labels(inputs: Inputs) -> Inputs:
    """Labels of a decoder alone, which are not shifted; one of them ignored."""
    targets = torch.randint(5, 99, inputs["input_ids"].shape)
    targets[0, -1] = -100
    return {"labels": targets}
