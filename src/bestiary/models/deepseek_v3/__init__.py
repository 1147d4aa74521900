"""DeepSeek-V3 and R1 (DeepSeek-AI 2024): latent attention, and many small experts beside one that serves every token.

Differs from DeepSeek-V2: a token's experts are chosen by their sigmoids, out of the best groups, and their shares add up.

Paper: https://arxiv.org/abs/2412.19437
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Count, Length
from ...modeling.latent_config import GroupedLatentConfig
from ...modeling.variant import Import, variant
from .. import llama


class DeepseekV3Config(GroupedLatentConfig):
    """Hyperparameters; the defaults are DeepSeek-V3's.

    `num_nextn_predict_layers`: layers for drafts, which files hold behind the others. With
    `rope_interleave` neighbours turn together.
    """

    model_type: ClassVar[str] = "deepseek_v3"
    attribute_map: ClassVar[dict[str, str]] = {"num_mtp_layers": "num_nextn_predict_layers"}

    max_position_embeddings: Length = 4096
    rope_interleave: bool = True
    num_nextn_predict_layers: Count = 1

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
