"""NLLB-MoE: every head, halves of different size, what a router does with full experts, losses of the routers.

The published release sends the share of a token's first expert to the expert of number 1, and that of its second to the one
of number 0, whatever was chosen (`NllbMoeExperts.forward` takes flags for numbers); up to 4.46 each expert got its own. So do
we, and the reference's experts are put right for these tests.
"""

from typing import Any

import torch
from kit.families import Case, Head
from kit.seq2seq_inputs import SIZES, both, labels
from transformers.models.nllb_moe import modeling_nllb_moe

PAD = 1


def each_expert_its_own(experts: Any, states: torch.Tensor, first: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """The sum of all experts' outputs by their shares (N, E)."""
    outputs = torch.stack([experts[f"expert_{index}"](states) for index in range(experts.num_experts)], dim=1)
    return (outputs * shares.unsqueeze(-1)).sum(dim=1) * (1 - experts.moe_token_dropout)


modeling_nllb_moe.NllbMoeExperts.forward = each_expert_its_own

CASE = Case(
    config_class="NllbMoeConfig",
    config={
        **SIZES,
        "num_experts": 3,
        "encoder_sparse_step": 2,
        "decoder_sparse_step": 2,
    },
    heads={
        "NllbMoeForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True),
        "NllbMoeModel": Head(lambda: both(PAD)),
    },
    variants={
        "routers": {"output_router_logits": True, "router_aux_loss_coef": 0.5, "router_bias": True},
        "full": {"moe_eval_capacity_token_fraction": 0.2},
        "surest_first": {"moe_eval_capacity_token_fraction": 0.2, "batch_prioritized_routing": True},
        "shared_before": {"moe_eval_capacity_token_fraction": 0.2, "normalize_router_prob_before_dropping": True},
        "padding_too": {"router_ignore_padding_tokens": True},
        "every_layer": {"encoder_sparse_step": 1, "decoder_sparse_step": 0},
        "untied": {"tie_word_embeddings": False},
    },
)
