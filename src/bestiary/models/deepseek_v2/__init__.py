"""DeepSeek-V2 (DeepSeek-AI 2024): latent attention, and many small experts beside two that serve every token.

Differs from Llama: keys and values are made from narrow states, which are all that a cache keeps; part of each head turns;
from layer `first_k_dense_replace` on there are experts.

Paper: https://arxiv.org/abs/2405.04434
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Amount, Experts, Length
from ...modeling.latent_config import LatentConfig
from ...modeling.variant import Import, variant
from .. import llama


class DeepseekV2Config(LatentConfig):
    """Hyperparameters; the defaults are those of the published code.

    A token's experts are the best, or, where `topk_method` is "group_limited_greedy", the best of the `topk_group` groups
    whose best expert is greatest, out of `n_group` groups of neighbours. Their shares are times `routed_scaling_factor`.
    """

    model_type: ClassVar[str] = "deepseek_v2"
    attribute_map: ClassVar[dict[str, str]] = {"num_experts": "n_routed_experts"}
    internal_map: ClassVar[dict[str, str]] = {"num_local_experts": "n_routed_experts"}
    interleaved_rotary: ClassVar[bool] = True
    published_angles: ClassVar[str] = "complex"

    vocab_size: Length = 102400
    mlp_bias: bool = False
    n_group: Experts | None = None
    routed_scaling_factor: Amount = 1.0
    topk_group: Experts | None = None
    topk_method: Literal["greedy", "group_limited_greedy"] = "greedy"
    norm_topk_prob: bool = False

    def validate(self) -> None:
        super().validate()
        if self.topk_method == "greedy":
            return
        self.divides("n_routed_experts", "n_group")
        if self.topk_group is None or self.topk_group > (self.n_group or 0):
            raise ConfigError(
                f"DeepseekV2Config: topk_group is {self.topk_group}, of {self.n_group} groups (n_group); expected 1 or more of"
                " them, from which a token chooses its experts"
            )


TASKS = {
    "base": "DeepseekV2Model",
    "causal-lm": "DeepseekV2ForCausalLM",
    "sequence-classification": "DeepseekV2ForSequenceClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    DeepseekV2Config,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "kernels": ("sdpa", "eager", "flex_attention"),  # values are narrower than keys
            "_weight_rules": Import("bestiary.modeling.expert_weights.GATED"),
        },
        "DecoderLayer": {
            "attention_class": Import("bestiary.modeling.latent_attention.LatentAttention"),
            "mixture_class": Import(".model.DeepseekV2Moe"),
        },
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": {"output_class": Import("bestiary.core.outputs.MoeCausalLMOutputWithPast")},
    },
)
