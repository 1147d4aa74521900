"""Gemma (Gemma Team 2024): Llama with scaled embeddings and heads wider than the states call for.

Differs from Llama: embeddings times sqrt(D), norms whose weights are counted from 1, a GELU gate in its tanh approximation,
tied embeddings, and a vocabulary of 256,000 pieces.

Paper: https://arxiv.org/abs/2403.08295
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class GemmaConfig(DecoderConfig):
    """Hyperparameters; the defaults are Gemma 7B's. `hidden_act="gelu"` of the first files means the tanh approximation."""

    model_type: ClassVar[str] = "gemma"

    vocab_size: Length = 256000
    hidden_size: Size = 3072
    intermediate_size: Size = 24576
    num_hidden_layers: Depth = 28
    num_attention_heads: Size = 16
    num_key_value_heads: Size | None = 16
    head_dim: Size | None = 256
    hidden_act: str = "gelu_pytorch_tanh"
    max_position_embeddings: Length = 8192
    pad_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    bos_token_id: int | None = 2
    tie_word_embeddings: bool = True
    attention_bias: bool = False
    use_bidirectional_attention: bool | None = None

    def validate(self) -> None:
        super().validate()
        if self.hidden_act == "gelu":
            self.hidden_act = "gelu_pytorch_tanh"


TASKS = {
    "base": "GemmaModel",
    "causal-lm": "GemmaForCausalLM",
    "sequence-classification": "GemmaForSequenceClassification",
    "token-classification": "GemmaForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "GemmaTokenizer"}

NORM = Import("bestiary.nn.norm.ShiftedRMSNorm")

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    GemmaConfig,
    TASKS,
    llama,
    {
        "Model": {"norm_class": NORM, "embedding_scale": lambda model, config: config.hidden_size**0.5},
        "DecoderLayer": {"norm_class": NORM},
    },
    {"tokenizer": ["GemmaTokenizer", "GemmaTokenizerFast"]},
)
