"""Qwen 3 30B-A3B and 235B-A22B (Qwen Team 2025): Qwen 3 whose MLPs are mixtures of 128 experts, 8 for each token.

Differs from Qwen 2 MoE: normed queries and keys in place of biases, and no expert that serves every token.

Paper: https://arxiv.org/abs/2505.09388
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Depth, Experts, Length, Natural, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class Qwen3MoeConfig(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code.

    Layers in `mlp_only_layers` have one MLP, and so have those that are not each `decoder_sparse_step`-th.
    """

    model_type: ClassVar[str] = "qwen3_moe"
    attribute_map: ClassVar[dict[str, str]] = {"num_experts": "num_local_experts"}

    vocab_size: Length = 151936
    hidden_size: Size = 2048
    intermediate_size: Size = 6144
    num_hidden_layers: Depth = 24
    num_attention_heads: Size = 32
    num_key_value_heads: Size | None = 4
    max_position_embeddings: Length = 32768
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    use_sliding_window: bool = False
    sliding_window: Length | None = 4096
    attention_bias: bool = False
    decoder_sparse_step: Natural = 1
    mlp_only_layers: list[int] | None = None
    moe_intermediate_size: Size = 768
    num_experts_per_tok: Experts = 8
    num_local_experts: Experts = 128
    norm_topk_prob: bool = False
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001

    def validate(self) -> None:
        self.mlp_only_layers = self.mlp_only_layers or []
        if not self.use_sliding_window:
            self.sliding_window = None
        super().validate()


TASKS = {
    "base": "Qwen3MoeModel",
    "causal-lm": "Qwen3MoeForCausalLM",
    "sequence-classification": "Qwen3MoeForSequenceClassification",
    "token-classification": "Qwen3MoeForTokenClassification",
    "question-answering": "Qwen3MoeForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "Qwen2Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Qwen3MoeConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_weight_rules": Import("bestiary.modeling.expert_weights.GATED")},
        "Attention": {"head_norm": Import("bestiary.nn.norm.RMSNorm")},
        "DecoderLayer": {"mixture_class": Import("bestiary.modeling.mixture.ExpertsFirstMixture")},
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)
