"""Qwen 1.5 MoE and Qwen 2 57B-A14B (Qwen Team 2024): Qwen 2 whose MLPs are mixtures of small experts.

Differs from Qwen 2: the mixtures, with an expert besides that serves every token by a share of its own.

Paper: https://arxiv.org/abs/2407.10671
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Count, Depth, Experts, Length, Natural, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class Qwen2MoeConfig(DecoderConfig):
    """Hyperparameters; the defaults are Qwen 1.5 MoE A2.7B's.

    Layers in `mlp_only_layers` have one MLP, and so have those that are not each `decoder_sparse_step`-th.
    """

    model_type: ClassVar[str] = "qwen2_moe"
    internal_map: ClassVar[dict[str, str]] = {"num_local_experts": "num_experts", "attention_bias": "qkv_bias"}

    vocab_size: Length = 151936
    hidden_size: Size = 2048
    intermediate_size: Size = 5632
    num_hidden_layers: Depth = 24
    num_attention_heads: Size = 16
    num_key_value_heads: Size | None = 16
    max_position_embeddings: Length = 32768
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    use_sliding_window: bool = False
    sliding_window: Count | None = 4096
    max_window_layers: Count = 28
    layer_types: list[str] | None = None
    decoder_sparse_step: Natural = 1
    mlp_only_layers: list[int] | None = None
    moe_intermediate_size: Size = 1408
    shared_expert_intermediate_size: Size = 5632
    num_experts_per_tok: Experts = 4
    num_experts: Experts = 60
    norm_topk_prob: bool = False
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001
    qkv_bias: bool = True

    def validate(self) -> None:
        self.mlp_only_layers = self.mlp_only_layers or []
        if not self.use_sliding_window:
            self.sliding_window = 0
        super().validate()

    def usual_layer_types(self) -> list[str]:
        last = self.max_window_layers if self.use_sliding_window else 0
        return [
            "full_attention" if index % 2 or index >= last else "sliding_attention" for index in range(self.num_hidden_layers)
        ]


TASKS = {
    "base": "Qwen2MoeModel",
    "causal-lm": "Qwen2MoeForCausalLM",
    "sequence-classification": "Qwen2MoeForSequenceClassification",
    "token-classification": "Qwen2MoeForTokenClassification",
    "question-answering": "Qwen2MoeForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "Qwen2Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Qwen2MoeConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_weight_rules": Import("bestiary.modeling.expert_weights.GATED")},
        "Attention": {"output_bias": False},
        "DecoderLayer": {"mixture_class": Import(".model.Qwen2MoeMixture")},
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
        "ForQuestionAnswering": {"base_model_prefix": "model"},
    },
)
