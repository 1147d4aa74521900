"""Decision Transformer: both classes, padded episodes, unbounded actions, scores scaled in other ways."""

import torch
from kit.families import Case, Head, Inputs, tokens


def episode() -> Inputs:
    """Three episodes of seven steps, the ends of two are padding."""
    mask = torch.ones(3, 7, dtype=torch.long)
    mask[1, 5:], mask[2, 3:] = 0, 0
    return {
        "states": torch.randn(3, 7, 5),
        "actions": torch.randn(3, 7, 2),
        "returns_to_go": torch.randn(3, 7, 1),
        "timesteps": torch.arange(7).repeat(3, 1),
        "attention_mask": mask,
    }


CASE = Case(
    config_class="DecisionTransformerConfig",
    config={
        "state_dim": 5,
        "act_dim": 2,
        "hidden_size": 32,
        "max_ep_len": 12,
        "n_positions": 40,
        "n_layer": 2,
        "n_head": 4,
        "bos_token_id": None,
        "eos_token_id": None,
    },
    heads={
        "DecisionTransformerModel": Head(episode),
        "DecisionTransformerGPT2Model": Head(tokens, config={"vocab_size": 99}),
    },
    variants={
        "unbounded": {"action_tanh": False, "activation_function": "gelu", "n_inner": 48},
        "scaled": {"scale_attn_by_inverse_layer_idx": True, "scale_attn_weights": False, "reorder_and_upcast_attn": True},
    },
)
