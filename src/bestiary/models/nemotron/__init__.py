"""Nemotron-4 and Minitron (Parmar et al. 2024; Muralidharan et al. 2024): Llama with layer norms around 1 and squared ReLU.

Differs from Llama: layer norms that multiply by 1 + weight, an MLP without a gate, and half of each head turning.

Paper: https://arxiv.org/abs/2402.16819
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class NemotronConfig(DecoderConfig):
    """Hyperparameters; the defaults are Nemotron-4 15B's."""

    model_type: ClassVar[str] = "nemotron"
    internal_map: ClassVar[dict[str, str]] = {"rms_norm_eps": "norm_eps"}
    default_partial_rotary_factor: ClassVar[float | None] = 0.5

    vocab_size: Length = 256000
    hidden_size: Size = 6144
    intermediate_size: Size = 24576
    num_attention_heads: Size = 48
    hidden_act: str = "relu2"
    max_position_embeddings: Length = 4096
    initializer_range: Amount = 0.0134
    norm_eps: Rate = 1e-5
    bos_token_id: int | None = 2
    eos_token_id: int | list[int] | None = 3
    attention_bias: bool = False
    mlp_bias: bool = False
    head_dim: Size | None = None


TASKS = {
    "base": "NemotronModel",
    "causal-lm": "NemotronForCausalLM",
    "sequence-classification": "NemotronForSequenceClassification",
    "token-classification": "NemotronForTokenClassification",
    "question-answering": "NemotronForQuestionAnswering",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

NORM = Import("bestiary.nn.norm.ShiftedLayerNorm")

__getattr__, __dir__ = variant(
    __name__,
    NemotronConfig,
    TASKS,
    llama,
    {"MLP": {"gate_name": None}, "DecoderLayer": {"norm_class": NORM}, "Model": {"norm_class": NORM}},
)
