"""Qwen 3 (Qwen Team 2025): Llama whose queries and keys are normed, head by head, before they turn.

Differs from Qwen 2: these norms in place of the biases, and a width of heads of its own.

Paper: https://arxiv.org/abs/2505.09388
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Size
from ...modeling.decoder_config import LateWindowConfig
from ...modeling.variant import Import, variant
from .. import llama


class Qwen3Config(LateWindowConfig):
    """Hyperparameters; the defaults are those of Qwen 3's code."""

    model_type: ClassVar[str] = "qwen3"

    head_dim: Size | None = 128
    attention_bias: bool = False


TASKS = {
    "base": "Qwen3Model",
    "causal-lm": "Qwen3ForCausalLM",
    "sequence-classification": "Qwen3ForSequenceClassification",
    "token-classification": "Qwen3ForTokenClassification",
    "question-answering": "Qwen3ForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "Qwen2Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__, Qwen3Config, TASKS, llama, {"Attention": {"head_norm": Import("bestiary.nn.norm.RMSNorm")}}
)
