"""Qwen3-Next (Qwen Team 2025): a hybrid of gated attention and gated delta nets, all of whose MLPs are mixtures of experts.

Differs from Qwen 3 MoE: three of four layers have a memory (Yang et al. 2024) in place of the attention, whose output a gate
multiplies; a quarter of each head turns; norms are by 1 + weight; and one expert serves every token.
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Depth, Experts, Length, Natural, Size
from ...modeling.delta_net_config import DeltaNetConfig
from ...modeling.variant import Import, variant
from .. import llama


class Qwen3NextConfig(DeltaNetConfig):
    """Hyperparameters; the defaults are Qwen3-Next 80B-A3B's.

    Layers in `mlp_only_layers` have one MLP, and so have those that are not each `decoder_sparse_step`-th.
    """

    model_type: ClassVar[str] = "qwen3_next"
    internal_map: ClassVar[dict[str, str]] = {"num_local_experts": "num_experts"}

    vocab_size: Length = 151936
    hidden_size: Size = 2048
    intermediate_size: Size = 5632
    num_hidden_layers: Depth = 48
    num_key_value_heads: Size | None = 2
    decoder_sparse_step: Natural = 1
    moe_intermediate_size: Size = 512
    shared_expert_intermediate_size: Size = 512
    num_experts_per_tok: Experts = 10
    num_experts: Experts = 512
    norm_topk_prob: bool = True
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001
    mlp_only_layers: list[int] | None = None

    def validate(self) -> None:
        self.mlp_only_layers = self.mlp_only_layers or []
        super().validate()


TASKS = {
    "base": "Qwen3NextModel",
    "causal-lm": "Qwen3NextForCausalLM",
    "sequence-classification": "Qwen3NextForSequenceClassification",
    "token-classification": "Qwen3NextForTokenClassification",
    "question-answering": "Qwen3NextForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "Qwen2Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Qwen3NextConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "_weight_rules": Import("bestiary.modeling.expert_weights.GATED"),
            "_keys_to_ignore_on_load_unexpected": [r"^mtp.*"],  # layers for drafts
        },
        "Attention": Import("bestiary.models.llama.gated_attention.LlamaGatedAttention"),
        "DecoderLayer": {
            "state_class": Import(".model.Qwen3NextGatedDeltaNet"),
            "state_name": "linear_attn",
            "mixture_class": Import(".model.Qwen3NextSparseMoeBlock"),
            "norm_class": Import("bestiary.nn.norm.ShiftedRMSNorm"),
        },
        "Model": Import(".model.Qwen3NextModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)
