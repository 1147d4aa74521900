"""What is asked of Trajectory Transformer, which the current release of the reference no longer has: for script and tests."""

from typing import Any

import torch

SIZES = {
    "vocab_size": 11,
    "block_size": 30,
    "action_dim": 2,
    "observation_dim": 3,
    "transition_dim": 7,
    "n_layer": 2,
    "n_head": 4,
    "n_embd": 32,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "weighted": {**SIZES, "action_weight": 5, "reward_weight": 2, "value_weight": 3},
    "unweighted": {**SIZES, "action_weight": 1},
}


def fill(model: torch.nn.Module) -> None:
    """Weights that both libraries make alike: numbers from -0.3 to 0.3, those of norms around 1."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            values = torch.rand(parameter.shape, generator=generator) * 0.6 - 0.3
            parameter.copy_(values + 1 if name.split(".")[-2:][0].startswith("ln") and name.endswith("weight") else values)


def inputs(length: int) -> dict[str, Any]:
    """Three trajectories, of which one ends early, with targets."""
    generator = torch.Generator().manual_seed(length)
    tokens = torch.randint(0, 11, (3, length + 1), generator=generator)
    tokens[1, length - 2 :] = 11
    mask = torch.ones(3, length, dtype=torch.long)
    mask[1, length - 2 :] = 0
    return {"trajectories": tokens[:, :-1].contiguous(), "targets": tokens[:, 1:].contiguous(), "attention_mask": mask}
