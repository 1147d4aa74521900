"""Longformer: every head, with and without global tokens, windows of each layer, texts that fill their windows or do not."""

from dataclasses import replace

import torch
from kit.families import Case, Inputs
from kit.text_encoders import TINY, encoder_heads

HEADS = encoder_heads("Longformer", pad=1, segments=True)


def with_global(name: str) -> dict[str, object]:
    """The head `name` where callers say which tokens are global: another number of them in each row, none in the last."""

    def make() -> Inputs:
        inputs = HEADS[name].inputs()
        mask = torch.zeros_like(inputs["input_ids"])
        mask[0, [0, 3, 8]] = mask[1, 2] = 1
        return {**inputs, "global_attention_mask": mask}

    return {name: replace(HEADS[name], inputs=make)}


def choices() -> Inputs:
    """Two texts in each choice, with an end behind the first and two behind both, of which the case's heads have none."""
    inputs = HEADS["LongformerForMultipleChoice"].inputs()
    ids = inputs["input_ids"].clone()
    ids[..., [2, 4, 5]] = 2
    return {**inputs, "input_ids": ids}


CHOICE = "LongformerForMultipleChoice"
CASE = Case(
    config_class="LongformerConfig",
    config={**TINY, "max_position_embeddings": 18, "attention_window": 4},
    heads={
        **HEADS,
        **with_global("LongformerForMaskedLM"),
        **with_global("LongformerForQuestionAnswering"),
        CHOICE: replace(HEADS[CHOICE], inputs=choices),
    },
    variants={
        "windows": {"attention_window": [4, 8], "type_vocab_size": 3},
        "wide": {"attention_window": 12},
        "untied": {"tie_word_embeddings": False},
    },
    first_position=2,
)
