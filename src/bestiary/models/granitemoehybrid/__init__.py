"""Granite 4 (IBM 2025): a hybrid of Granite MoE's layers and Mamba 2's, with or without experts.

Differs from Granite MoE: most layers have a state-space model (Dao and Gu 2024) in place of the attention, one MLP serves every
token beside the experts, and positions turn queries and keys only where `position_embedding_type` is "rope".
"""

from typing import TYPE_CHECKING, Any, ClassVar

from ...core.kinds import Amount, Count, Length, Positive, Rate, Size
from ...modeling.hybrid_config import HybridConfig
from ...modeling.variant import Import, variant
from .. import llama


class GraniteMoeHybridConfig(HybridConfig):
    """Hyperparameters: the layers of Mamba 2 as `HybridConfig` says, the factors as Granite has them.

    `num_local_experts` may be 0: then the MLP of `shared_intermediate_size` is alone.
    """

    model_type: ClassVar[str] = "granitemoehybrid"
    attribute_map: ClassVar[dict[str, str]] = {"layers_block_type": "layer_types"}
    no_effect: ClassVar[frozenset[str]] = frozenset({"mlp_bias"})

    num_key_value_heads: Size | None = None
    rms_norm_eps: Rate = 1e-6
    pad_token_id: int | None = None
    embedding_multiplier: Amount = 1.0
    logits_scaling: Positive = 1.0
    residual_multiplier: Amount = 1.0
    attention_multiplier: Amount = 1.0
    num_local_experts: Count = 8
    num_experts_per_tok: Count = 2
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001
    shared_intermediate_size: Length = 1024
    position_embedding_type: str | None = None
    layer_types: list[str] | None = None

    def _check_experts(self) -> None:
        if self.num_local_experts:
            super()._check_experts()

    def usual_layer_types(self) -> list[str]:
        return ["linear_attention"] * self.num_hidden_layers

    @property
    def rotary_tables(self) -> dict[str, dict[str, Any]]:
        """Kind of layer -> how its positions turn; none where they do not."""
        return super().rotary_tables if self.position_embedding_type == "rope" else {}


TASKS = {"base": "GraniteMoeHybridModel", "causal-lm": "GraniteMoeHybridForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    GraniteMoeHybridConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_weight_rules": Import("bestiary.models.granitemoe.model.RULES")},
        "MLP": Import(".model.GraniteMoeHybridMLP"),
        "DecoderLayer": Import(".model.GraniteMoeHybridDecoderLayer"),
        "Model": Import(".model.GraniteMoeHybridModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)
