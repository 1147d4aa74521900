"""gpt-oss 20B and 120B (OpenAI 2025): a mixture of experts whose attention has sinks, with windows in every other layer.

Differs from Mixtral: sinks (Xiao et al. 2023), biases everywhere, and experts whose gates are bounded and whose two inner
projections take turns in one matrix. The published files hold the experts in four bits (MXFP4).

Paper: https://arxiv.org/abs/2508.10925
"""

from typing import TYPE_CHECKING, Any, ClassVar

from ...core.kinds import Amount, Depth, Experts, Length, Positive, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class GptOssConfig(DecoderConfig):
    """Hyperparameters; the defaults are gpt-oss 120B's.

    Experts compute (up + 1) * gate * sigmoid(`swiglu_alpha` * gate), of gates up to `swiglu_limit` and ups within it.
    """

    model_type: ClassVar[str] = "gpt_oss"
    attribute_map: ClassVar[dict[str, str]] = {"num_experts": "num_local_experts"}
    default_theta: ClassVar[float] = 150_000.0
    published_angles: ClassVar[str] = "once"
    default_rope_parameters: ClassVar[dict[str, Any] | None] = {
        "rope_type": "yarn",
        "factor": 32.0,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "truncate": False,
        "original_max_position_embeddings": 4096,
    }

    num_hidden_layers: Depth = 36
    num_local_experts: Experts = 128
    vocab_size: Length = 201088
    hidden_size: Size = 2880
    intermediate_size: Size = 2880
    head_dim: Size | None = 64
    num_attention_heads: Size = 64
    num_key_value_heads: Size | None = 8
    sliding_window: Length | None = 128
    max_position_embeddings: Length = 131072
    rms_norm_eps: Rate = 1e-5
    num_experts_per_tok: Experts = 4
    swiglu_alpha: Positive = 1.702
    swiglu_limit: Positive = 7.0
    router_aux_loss_coef: Amount = 0.001
    output_router_logits: bool = False
    layer_types: list[str] | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    attention_bias: bool = True

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(2)


TASKS = {
    "base": "GptOssModel",
    "causal-lm": "GptOssForCausalLM",
    "sequence-classification": "GptOssForSequenceClassification",
    "token-classification": "GptOssForTokenClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

NORM = Import("bestiary.nn.norm.FullPrecisionRMSNorm")

__getattr__, __dir__ = variant(
    __name__,
    GptOssConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "kernels": ("sdpa", "eager", "flex_attention"),
            "_keep_in_fp32_modules": ["input_layernorm", "post_attention_layernorm", "norm"],
        },
        "Attention": {"has_sinks": True},
        "DecoderLayer": {"mlp_class": Import(".model.GptOssMLP"), "norm_class": NORM},
        "Model": Import(".model.GptOssModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)
