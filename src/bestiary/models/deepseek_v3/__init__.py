"""DeepSeek-V3 and R1 (DeepSeek-AI 2024): latent attention, and many small experts beside one that serves every token.

Differs from DeepSeek-V2: a token's experts are chosen by their sigmoids, out of the best groups, and their shares add up.
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Count, Depth, Experts, Length, Size
from ...modeling.latent_config import LatentConfig
from ...modeling.variant import Import, variant
from .. import llama


class DeepseekV3Config(LatentConfig):
    """Hyperparameters; the defaults are DeepSeek-V3's.

    The experts form `n_group` groups, of which each token chooses from `topk_group`; shares add up to `routed_scaling_factor`
    with `norm_topk_prob`. `num_nextn_predict_layers`: layers for drafts, which files hold behind the others. With
    `rope_interleave` neighbours turn together.
    """

    model_type: ClassVar[str] = "deepseek_v3"
    attribute_map: ClassVar[dict[str, str]] = {
        "num_local_experts": "n_routed_experts",
        "num_mtp_layers": "num_nextn_predict_layers",
    }

    vocab_size: Length = 129280
    hidden_size: Size = 7168
    intermediate_size: Size = 18432
    moe_intermediate_size: Size = 2048
    num_hidden_layers: Depth = 61
    num_attention_heads: Size = 128
    num_key_value_heads: Size | None = 128
    n_shared_experts: Experts = 1
    n_routed_experts: Experts = 256
    routed_scaling_factor: Amount = 2.5
    n_group: Experts = 8
    topk_group: Experts = 4
    num_experts_per_tok: Experts | None = 8
    first_k_dense_replace: Count = 3
    norm_topk_prob: bool = True
    max_position_embeddings: Length = 4096
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    rope_interleave: bool = True
    num_nextn_predict_layers: Count = 1

    def validate(self) -> None:
        super().validate()
        self.check_expert_groups()

    @property
    def interleaved_rotary(self) -> bool:  # type: ignore[override] # here a file may say it
        return self.rope_interleave


TASKS = {
    "base": "DeepseekV3Model",
    "causal-lm": "DeepseekV3ForCausalLM",
    "sequence-classification": "DeepseekV3ForSequenceClassification",
    "token-classification": "DeepseekV3ForTokenClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    DeepseekV3Config,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "kernels": ("sdpa", "eager", "flex_attention"),  # values are narrower than keys
            "_weight_rules": Import("bestiary.modeling.expert_weights.GATED"),
            "_keep_in_fp32_modules_strict": ["e_score_correction_bias"],
            "_keys_to_ignore_on_load_unexpected": [r"model\.layers\.61\."],  # a layer for drafts
        },
        "DecoderLayer": {
            "attention_class": Import("bestiary.modeling.latent_attention.LatentAttention"),
            "mixture_class": Import(".model.DeepseekV3MoE"),
        },
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": {"output_class": Import("bestiary.core.outputs.MoeCausalLMOutputWithPast")},
    },
)
