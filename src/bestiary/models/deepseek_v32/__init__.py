"""DeepSeek-V3.2 (DeepSeek-AI 2025): DeepSeek-V3, each token of which looks at a few thousand others alone.

Differs from DeepSeek-V3: an index of each layer, small queries and keys, finds the tokens that attention looks at.

Paper: https://arxiv.org/abs/2512.02556
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Size
from ...modeling.latent_config import GroupedLatentConfig
from ...modeling.variant import Import, variant
from .. import llama


class DeepseekV32Config(GroupedLatentConfig):
    """Hyperparameters; the defaults are DeepSeek-V3.2's.

    A token looks at the `index_topk` before it that `index_n_heads` queries of `index_head_dim` numbers find best.
    """

    model_type: ClassVar[str] = "deepseek_v32"
    attribute_map: ClassVar[dict[str, str]] = {"num_experts": "n_routed_experts"}
    interleaved_rotary: ClassVar[bool] = True

    q_lora_rank: Size = 1536
    max_position_embeddings: Length = 163840
    mlp_layer_types: list[str] | None = None
    index_topk: Size = 2048
    index_head_dim: Size = 128
    index_n_heads: Size = 64
    mlp_bias: bool = False
    layer_types: list[str] | None = None

    def usual_layer_types(self) -> list[str]:
        return ["indexed_attention"] * self.num_hidden_layers

    @property
    def cache_value_size(self) -> int:
        return super().cache_value_size + self.index_head_dim


TASKS = {"base": "DeepseekV32Model", "causal-lm": "DeepseekV32ForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    DeepseekV32Config,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "kernels": ("sdpa", "eager", "flex_attention"),  # values are narrower than keys
            "_weight_rules": Import("bestiary.modeling.expert_weights.GATED"),
            "_keep_in_fp32_modules": ["indexer.weights_proj"],
            "_keep_in_fp32_modules_strict": ["e_score_correction_bias"],
            "_keys_to_ignore_on_load_unexpected": [r"model\.layers\.61\."],  # a layer for drafts
        },
        "DecoderLayer": {
            "attention_class": Import(".model.DeepseekV32Attention"),
            "mixture_class": Import("bestiary.models.deepseek_v3.model.DeepseekV3MoE"),
        },
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": {"output_class": Import("bestiary.core.outputs.MoeCausalLMOutputWithPast")},
    },
)
