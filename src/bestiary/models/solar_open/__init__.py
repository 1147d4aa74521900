"""Solar Open (Upstage 2026): a mixture of DeepSeek-V3's kind in every layer, one expert of which serves every token.

Differs from Llama: the mixtures, and no bias behind attention.
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Depth, Experts, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class SolarOpenConfig(DecoderConfig):
    """Hyperparameters; the defaults are Solar Open 100B's.

    The experts form `n_group` groups, of which each token chooses from `topk_group`; shares add up to `routed_scaling_factor`
    with `norm_topk_prob`.
    """

    model_type: ClassVar[str] = "solar_open"
    attribute_map: ClassVar[dict[str, str]] = {"num_local_experts": "n_routed_experts"}
    default_theta: ClassVar[float] = 1_000_000.0

    vocab_size: Length = 196608
    num_hidden_layers: Depth = 48
    num_attention_heads: Size = 64
    num_key_value_heads: Size | None = 8
    head_dim: Size | None = 128
    max_position_embeddings: Length = 131072
    rms_norm_eps: Rate = 1e-5
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    attention_bias: bool = False
    moe_intermediate_size: Size = 1280
    num_experts_per_tok: Experts = 8
    output_router_logits: bool = False
    n_shared_experts: Experts = 1
    n_routed_experts: Experts = 128
    routed_scaling_factor: Amount = 1.0
    n_group: Experts = 1
    topk_group: Experts = 1
    norm_topk_prob: bool = True

    def validate(self) -> None:
        super().validate()
        self.check_expert_groups()


TASKS = {"base": "SolarOpenModel", "causal-lm": "SolarOpenForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    SolarOpenConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "_weight_rules": Import("bestiary.modeling.expert_weights.GATED"),
            "_keep_in_fp32_modules_strict": ["e_score_correction_bias"],
        },
        "Attention": {"output_bias": False},
        "DecoderLayer": {"mixture_class": Import("bestiary.models.glm4_moe.model.Glm4MoeMoE")},
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": {"output_class": Import("bestiary.core.outputs.MoeCausalLMOutputWithPast")},
    },
)
