"""Seed-OSS (ByteDance Seed 2025): Llama with biases on queries, keys and values, and dropout behind each half of a block."""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import variant
from .. import llama


class SeedOssConfig(DecoderConfig):
    """Hyperparameters; the defaults are Seed-OSS 36B's."""

    model_type: ClassVar[str] = "seed_oss"

    vocab_size: Length = 155136
    intermediate_size: Size = 27648
    num_hidden_layers: Depth = 64
    num_attention_heads: Size = 80
    num_key_value_heads: Size | None = 8
    head_dim: Size | None = 128
    max_position_embeddings: Length = 524288
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    attention_bias: bool = True
    attention_out_bias: bool = False
    mlp_bias: bool = False
    attention_dropout: Rate = 0.1
    residual_dropout: Rate = 0.1


TASKS = {
    "base": "SeedOssModel",
    "causal-lm": "SeedOssForCausalLM",
    "sequence-classification": "SeedOssForSequenceClassification",
    "token-classification": "SeedOssForTokenClassification",
    "question-answering": "SeedOssForQuestionAnswering",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, SeedOssConfig, TASKS, llama)
