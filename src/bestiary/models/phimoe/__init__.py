"""Phi-3.5-MoE (Abdin et al. 2024): Mixtral with layer norms, and a router that chooses by chance in training.

Differs from Mixtral: layer norms, by config biases (the head's too), SparseMixer (Liu et al. 2024, GRIN), and LongRoPE with
its own factors on cosines and sines (`short_mscale`, `long_mscale`).

Paper: https://arxiv.org/abs/2404.14219
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Experts, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class PhimoeConfig(DecoderConfig):
    """Hyperparameters; the defaults are Phi-3.5-MoE's. The router always chooses two experts."""

    model_type: ClassVar[str] = "phimoe"
    default_theta: ClassVar[float] = 1_000_000.0

    vocab_size: Length = 32064
    intermediate_size: Size = 6400
    num_key_value_heads: Size | None = 8
    max_position_embeddings: Length = 131072
    rms_norm_eps: Rate = 1e-5
    sliding_window: Length | None = None
    num_experts_per_tok: Experts = 2
    num_local_experts: Experts = 16
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001
    router_jitter_noise: Rate = 0.01
    input_jitter_noise: Rate = 0.0
    attention_bias: bool = False
    lm_head_bias: bool = False

    def validate(self) -> None:
        super().validate()
        if self.num_local_experts < 2:
            raise ConfigError(
                f"PhimoeConfig: num_local_experts is {self.num_local_experts}; the router chooses two, so 2 or more"
            )


TASKS = {
    "base": "PhimoeModel",
    "causal-lm": "PhimoeForCausalLM",
    "sequence-classification": "PhimoeForSequenceClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

LAYER_NORM = Import("torch.nn.LayerNorm")

__getattr__, __dir__ = variant(
    __name__,
    PhimoeConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_weight_rules": Import(".model.RULES")},
        "DecoderLayer": {"mlp_class": Import(".model.PhimoeSparseMoeBlock"), "norm_class": LAYER_NORM},
        "Model": Import(".model.PhimoeModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)
