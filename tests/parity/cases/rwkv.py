"""RWKV: every head, states that are never halved, narrow MLPs, tied. No row is padded: the reference takes padding for a part
of the text. Halved states: `tests/models/rwkv`; the reference then divides weights too, and so their gradients."""

import torch
from kit.families import Case, Head, Inputs, token_labels


def full_rows() -> Inputs:
    """Rows of equal length."""
    return {"input_ids": torch.randint(5, 99, (3, 9)), "attention_mask": torch.ones(3, 9, dtype=torch.long)}


def labels(inputs: Inputs) -> Inputs:
    """Labels; the reference has no gradients where it keeps a state."""
    return {**token_labels(inputs), "use_cache": False}


CASE = Case(
    config_class="RwkvConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "context_length": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={"RwkvForCausalLM": Head(full_rows, labels, generates=True), "RwkvModel": Head(full_rows)},
    variants={
        "as_it_is": {"rescale_every": 0, "intermediate_size": 40, "tie_word_embeddings": True},
    },
)
