"""Mixtral (Jiang et al. 2024): Mistral whose MLPs are mixtures of experts, two of eight for each token.

Differs from Mistral: the mixtures, no window, a larger rotary base. Files hold each expert by itself (`weights.py`).

Paper: https://arxiv.org/abs/2401.04088
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Experts, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class MixtralConfig(DecoderConfig):
    """Hyperparameters; the defaults are Mixtral 8x7B's.

    Of `num_local_experts` each token uses `num_experts_per_tok`. With `output_router_logits` the scores of the routers are
    given, and the loss has a part, times `router_aux_loss_coef`, that is least where the work is spread evenly.
    """

    model_type: ClassVar[str] = "mixtral"
    default_theta: ClassVar[float] = 1_000_000.0

    intermediate_size: Size = 14336
    num_key_value_heads: Size | None = 8
    max_position_embeddings: Length = 131072
    rms_norm_eps: Rate = 1e-5
    sliding_window: Length | None = None
    num_experts_per_tok: Experts = 2
    num_local_experts: Experts = 8
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001
    router_jitter_noise: Rate = 0.0
    head_dim: Size | None = None

    def validate(self) -> None:
        head_dim = self.head_dim
        super().validate()
        self.head_dim = head_dim  # files leave it out where it follows from the sizes


TASKS = {
    "base": "MixtralModel",
    "causal-lm": "MixtralForCausalLM",
    "sequence-classification": "MixtralForSequenceClassification",
    "token-classification": "MixtralForTokenClassification",
    "question-answering": "MixtralForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "LlamaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    MixtralConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_weight_rules": Import(".weights.RULES")},
        "DecoderLayer": {"mlp_class": Import(".model.MixtralSparseMoeBlock")},
        "Model": Import(".model.MixtralModel"),
        "ForCausalLM": Import(".model.MixtralForCausalLM"),
        "ForQuestionAnswering": {"base_model_prefix": "model"},
    },
)
