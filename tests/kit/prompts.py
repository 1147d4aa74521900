"""Three prompts for any model that generates, and settings under which each row gets the same number of tokens."""

from typing import Any

import torch

from .families import Pair

PADDING = (0, 2, 4)
"""Tokens of padding of each of the three prompts."""
COUNT = 3
"""Tokens that are generated for each."""


def prompt(models: Pair, length: int = 7, padded: bool = True) -> dict[str, Any]:
    """Three prompts of up to `length` tokens, padded on the left, or on the right where an encoder reads them; or sounds."""
    fixed = {name: value for name, value in models.inputs.items() if not name.startswith("decoder_")}
    if "input_ids" not in fixed:
        return fixed
    for name in ("input_ids", "attention_mask", "token_type_ids", "position_ids"):
        fixed.pop(name, None)
    config = models.ours.config
    ids = torch.randint(5, 90, (3, length), generator=torch.Generator().manual_seed(length))
    mask = torch.ones_like(ids)
    if padded:
        for row, count in enumerate(PADDING):
            mask[row, length - count :] = 0
        mask = mask if config.is_encoder_decoder else mask.flip(1)
    pad = config.get_text_config().pad_token_id or 0
    return {"input_ids": ids.masked_fill(mask == 0, pad), "attention_mask": mask, **fixed}


def greedy(models: Pair, count: int = COUNT) -> dict[str, Any]:
    """Settings that give every row `count` tokens."""
    ends = models.ours.generation_config.eos_token_id is not None
    return {"max_new_tokens": count, "do_sample": False, **({"min_new_tokens": count} if ends else {})}
