"""Configs, weights and inputs of Transformer-XL, for what an earlier release of the reference computed with them."""

from typing import Any

import torch

TINY = {
    "vocab_size": 40,
    "cutoffs": [10, 20],
    "d_model": 32,
    "d_embed": 32,
    "n_head": 4,
    "d_head": 8,
    "d_inner": 48,
    "div_val": 2,
    "n_layer": 2,
    "mem_len": 6,
    "clamp_len": 9,
    "pad_token_id": 3,
    "num_labels": 3,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "tiny": TINY,
    "one_table": {**TINY, "div_val": 1, "same_length": False, "clamp_len": -1, "untie_r": False},
    "projected": {**TINY, "div_val": 1, "d_embed": 16, "d_head": 5, "pre_lnorm": True},
    "apart": {**TINY, "tie_word_embeddings": False, "proj_share_all_but_first": False},
    "one_cluster": {**TINY, "cutoffs": [], "div_val": 1},
    "without_memory": {**TINY, "mem_len": 0, "same_length": False},
}


def fill(model: torch.nn.Module) -> None:
    """The same weights in any release; each parameter once, whatever it is tied to."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3 + ("layer_norm.weight" in name))


def ids(rows: int = 3, length: int = 9) -> torch.Tensor:
    """Words of all clusters (B, T)."""
    return torch.randint(4, 40, (rows, length), generator=torch.Generator().manual_seed(1))


def labels() -> torch.Tensor:
    """Labels (3, 9), some of them ignored."""
    targets = ids()
    targets[0, 4] = targets[2, 3:] = -100
    return targets
