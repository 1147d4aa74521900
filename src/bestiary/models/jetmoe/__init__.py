"""JetMoE (Shen et al. 2024): a mixture of experts in both halves of a block.

Differs from Mixtral: attention has experts too (Shen et al. 2023, ModuleFormer), each with its own projections for queries and
for the way back, while keys and values are the same for all; each half adds a bias of its own.

Paper: https://arxiv.org/abs/2404.07413
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Depth, Experts, Length, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class JetMoeConfig(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code.

    Of `num_local_experts` each token uses `num_experts_per_tok`, and as many times `num_key_value_heads` heads of queries, of
    `kv_channels` numbers.
    """

    model_type: ClassVar[str] = "jetmoe"
    attribute_map: ClassVar[dict[str, str]] = {"head_dim": "kv_channels"}
    internal_map: ClassVar[dict[str, str]] = {"hidden_act": "activation_function", "router_aux_loss_coef": "aux_loss_coef"}

    hidden_size: Size = 2048
    num_hidden_layers: Depth = 12
    num_key_value_heads: Size | None = 16
    kv_channels: Size = 128
    intermediate_size: Size = 5632
    max_position_embeddings: Length = 4096
    activation_function: str = "silu"
    num_local_experts: Experts = 8
    num_experts_per_tok: Experts = 2
    output_router_logits: bool = False
    aux_loss_coef: Amount = 0.01
    tie_word_embeddings: bool = True
    initializer_range: Amount = 0.01

    def validate(self) -> None:
        self.num_attention_heads = (self.num_key_value_heads or 1) * self.num_experts_per_tok
        super().validate()


TASKS = {
    "base": "JetMoeModel",
    "causal-lm": "JetMoeForCausalLM",
    "sequence-classification": "JetMoeForSequenceClassification",
}

PREPROCESSORS = {"tokenizer": "LlamaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    JetMoeConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_weight_rules": Import(".model.RULES")},
        "DecoderLayer": {
            "attention_class": Import(".model.JetMoeAttention"),
            "attention_name": "self_attention",
            "last_parts": ("self_attention",),
            "mlp_class": Import(".model.JetMoeMoE"),
            "norm_class": Import(".model.JetMoeRMSNorm"),
        },
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)
