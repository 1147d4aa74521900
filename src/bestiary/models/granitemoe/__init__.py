"""Granite 3 MoE (IBM 2024): Granite whose MLPs are mixtures of experts."""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Experts, Positive
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class GraniteMoeConfig(DecoderConfig):
    """Hyperparameters: of `num_local_experts` each token uses `num_experts_per_tok`; the factors are Granite's."""

    model_type: ClassVar[str] = "granitemoe"

    attention_bias: bool = False
    embedding_multiplier: Amount = 1.0
    logits_scaling: Positive = 1.0
    residual_multiplier: Amount = 1.0
    attention_multiplier: Amount = 1.0
    num_local_experts: Experts = 8
    num_experts_per_tok: Experts = 2
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001


TASKS = {
    "base": "GraniteMoeModel",
    "causal-lm": "GraniteMoeForCausalLM",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    GraniteMoeConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_weight_rules": Import(".model.RULES")},
        "DecoderLayer": {
            "mlp_class": Import(".model.GraniteMoeMoE"),
            "mlp_name": "block_sparse_moe",
            "last_parts": ("block_sparse_moe",),
        },
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)
