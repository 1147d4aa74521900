"""ConvBERT: every head, narrow embeddings, MLPs in groups."""

from dataclasses import replace

import torch
from kit.families import Case, Inputs
from kit.text_encoders import TINY, encoder_heads

HEADS, CHOICE = encoder_heads("ConvBert", pad=1, segments=True), "ConvBertForMultipleChoice"


def choices() -> Inputs:
    """Without padding: the published head takes the last state of all, padding or not."""
    ids = torch.randint(5, 99, (2, 3, 13))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


CASE = Case(
    config_class="ConvBertConfig",
    config={**TINY, "embedding_size": 16, "max_position_embeddings": 16, "conv_kernel_size": 3},
    heads={**HEADS, CHOICE: replace(HEADS[CHOICE], inputs=choices)},
    variants={
        "groups": {"num_groups": 2, "conv_kernel_size": 5, "hidden_act": "relu"},
        "one head": {"head_ratio": 9, "embedding_size": 32, "tie_word_embeddings": False},
    },
    reads_padding=True,
)
