"""Granite 3 (IBM 2024): Llama with a factor on embeddings, on scores, on what each half of a block adds, and below logits."""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Positive
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import variant
from .. import llama


class GraniteConfig(DecoderConfig):
    """Hyperparameters.

    Embeddings are multiplied by `embedding_multiplier`, the products of queries and keys by `attention_multiplier` (nothing
    else), the output of attention and MLP by `residual_multiplier`; logits are divided by `logits_scaling`.
    """

    model_type: ClassVar[str] = "granite"

    attention_bias: bool = False
    mlp_bias: bool = False
    embedding_multiplier: Amount = 1.0
    logits_scaling: Positive = 1.0
    residual_multiplier: Amount = 1.0
    attention_multiplier: Amount = 1.0


TASKS = {
    "base": "GraniteModel",
    "causal-lm": "GraniteForCausalLM",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, GraniteConfig, TASKS, llama)
