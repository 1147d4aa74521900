"""OLMoE (Muennighoff et al. 2024): OLMo 2's attention and a mixture of 64 experts, of which each token uses 8.

Differs from Llama: a norm over all heads of queries, and over all of keys, by config a bound on these and on values, and the
mixtures, whose shares need not add up to 1.

Paper: https://arxiv.org/abs/2409.02060
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Depth, Experts, Length, Positive, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class OlmoeConfig(DecoderConfig):
    """Hyperparameters; the defaults are OLMoE 1B-7B's."""

    model_type: ClassVar[str] = "olmoe"
    attribute_map: ClassVar[dict[str, str]] = {"num_local_experts": "num_experts"}

    vocab_size: Length = 50304
    hidden_size: Size = 2048
    intermediate_size: Size = 2048
    num_hidden_layers: Depth = 16
    num_attention_heads: Size = 16
    max_position_embeddings: Length = 4096
    rms_norm_eps: Rate = 1e-5
    attention_bias: bool = False
    clip_qkv: Positive | None = None
    num_experts_per_tok: Experts = 8
    num_experts: Experts = 64
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.01
    norm_topk_prob: bool = False
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = 50279
    pad_token_id: int | None = 1


TASKS = {
    "base": "OlmoeModel",
    "causal-lm": "OlmoeForCausalLM",
}

PREPROCESSORS = {"tokenizer": "GPTNeoXTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    OlmoeConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_weight_rules": Import("bestiary.modeling.expert_weights.GATED")},
        "Attention": {"head_norm": Import("bestiary.nn.norm.RMSNorm"), "joint_norm": True},
        "DecoderLayer": {"mlp_class": Import("bestiary.modeling.mixture.Mixture")},
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)
