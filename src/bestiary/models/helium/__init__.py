"""Helium-1 (Kyutai 2025): Llama of which neighbours turn together, with norms that round once, behind their weight."""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class HeliumConfig(DecoderConfig):
    """Hyperparameters; the defaults are Helium-1's of 2 B."""

    model_type: ClassVar[str] = "helium"
    default_theta: ClassVar[float] = 100_000.0
    interleaved_rotary: ClassVar[bool] = True

    vocab_size: Length = 48000
    hidden_size: Size = 2560
    intermediate_size: Size = 7040
    num_hidden_layers: Depth = 24
    num_attention_heads: Size = 20
    num_key_value_heads: Size | None = 20
    head_dim: Size | None = 128
    max_position_embeddings: Length = 4096
    rms_norm_eps: Rate = 1e-8
    pad_token_id: int | None = 3
    attention_bias: bool = False
    mlp_bias: bool = False


TASKS = {
    "base": "HeliumModel",
    "causal-lm": "HeliumForCausalLM",
    "sequence-classification": "HeliumForSequenceClassification",
    "token-classification": "HeliumForTokenClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

NORM = Import("bestiary.nn.norm.FullPrecisionRMSNorm")

__getattr__, __dir__ = variant(
    __name__,
    HeliumConfig,
    TASKS,
    llama,
    {"Attention": {"output_bias": False}, "DecoderLayer": {"norm_class": NORM}, "Model": {"norm_class": NORM}},
)
