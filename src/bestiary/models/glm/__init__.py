"""GLM-4 of 2024 (Team GLM 2024): Llama of which half of each head turns, neighbours together, with biases before attention.

Differs from Llama: partial interleaved rotary positions, these biases, gate and up of the MLP in one projection.

Paper: https://arxiv.org/abs/2406.12793
"""

from dataclasses import field
from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Changes, variant
from .. import llama


class GlmConfig(DecoderConfig):
    """Hyperparameters; the defaults are GLM-4-9B's."""

    model_type: ClassVar[str] = "glm"
    default_partial_rotary_factor: ClassVar[float | None] = 0.5
    interleaved_rotary: ClassVar[bool] = True

    vocab_size: Length = 151552
    intermediate_size: Size = 13696
    num_hidden_layers: Depth = 40
    num_key_value_heads: Size | None = 2
    head_dim: Size | None = 128
    max_position_embeddings: Length = 131072
    rms_norm_eps: Rate = 1.5625e-07
    pad_token_id: int | None = 151329
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = field(default_factory=lambda: [151329, 151336, 151338])
    attention_bias: bool = True


TASKS = {
    "base": "GlmModel",
    "causal-lm": "GlmForCausalLM",
    "sequence-classification": "GlmForSequenceClassification",
    "token-classification": "GlmForTokenClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

CHANGES: Changes = {"Attention": {"output_bias": False}, "MLP": {"gate_name": "gate_up_proj", "up_name": None}}

__getattr__, __dir__ = variant(__name__, GlmConfig, TASKS, llama, CHANGES)
