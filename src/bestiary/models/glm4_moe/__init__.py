"""GLM-4.5 and 4.6 (GLM-4.5 Team 2025): a mixture of experts of which some serve every token, behind a few plain layers.

Differs from Llama: half of each head turns, biases before attention, by config normed queries and keys, and from layer
`first_k_dense_replace` on DeepSeek-V3's mixtures.

Paper: https://arxiv.org/abs/2508.06471
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Count, Depth, Experts, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class Glm4MoeConfig(DecoderConfig):
    """Hyperparameters; the defaults are GLM-4.5-Air's.

    The experts form `n_group` groups, of which each token chooses from `topk_group`; shares add up to `routed_scaling_factor`
    with `norm_topk_prob`. `num_nextn_predict_layers`: layers for drafts, which files hold behind the others.
    """

    model_type: ClassVar[str] = "glm4_moe"
    attribute_map: ClassVar[dict[str, str]] = {
        "num_local_experts": "n_routed_experts",
        "num_mtp_layers": "num_nextn_predict_layers",
    }
    internal_map: ClassVar[dict[str, str]] = {"qk_layernorm": "use_qk_norm"}
    default_partial_rotary_factor: ClassVar[float | None] = 0.5

    vocab_size: Length = 151552
    intermediate_size: Size = 10944
    num_hidden_layers: Depth = 46
    num_attention_heads: Size = 96
    num_key_value_heads: Size | None = 8
    max_position_embeddings: Length = 131072
    rms_norm_eps: Rate = 1e-5
    attention_bias: bool = False
    moe_intermediate_size: Size = 1408
    num_experts_per_tok: Experts = 8
    output_router_logits: bool = False
    n_shared_experts: Experts = 1
    n_routed_experts: Experts = 128
    routed_scaling_factor: Amount = 1.0
    n_group: Experts = 1
    topk_group: Experts = 1
    first_k_dense_replace: Count = 1
    norm_topk_prob: bool = True
    use_qk_norm: bool = False
    num_nextn_predict_layers: Count = 1
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def validate(self) -> None:
        self.head_dim = self.head_dim or self.hidden_size // self.num_attention_heads  # rounded down, as published
        super().validate()
        self.check_expert_groups()


TASKS = {"base": "Glm4MoeModel", "causal-lm": "Glm4MoeForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Glm4MoeConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "_weight_rules": Import("bestiary.modeling.expert_weights.GATED"),
            "_keep_in_fp32_modules_strict": ["e_score_correction_bias"],
            "_keys_to_ignore_on_load_unexpected": [r"model\.layers\.(46|92)\."],  # layers for drafts
        },
        "Attention": {"output_bias": False, "head_norm": Import("bestiary.nn.norm.RMSNorm")},
        "DecoderLayer": {"mixture_class": Import(".model.Glm4MoeMoE")},
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": {"output_class": Import("bestiary.core.outputs.MoeCausalLMOutputWithPast")},
    },
)
