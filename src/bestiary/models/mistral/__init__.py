"""Mistral 7B (Jiang et al. 2023): Llama whose tokens look back a window (`sliding_window`), with grouped queries.

Differs from Llama: no biases at all, and the defaults. Later checkpoints have no window (`"sliding_window": null`).

Paper: https://arxiv.org/abs/2310.06825
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import variant
from .. import llama


class MistralConfig(DecoderConfig):
    """Hyperparameters; the defaults are Mistral 7B's. A token sees itself and the `sliding_window - 1` before it."""

    model_type: ClassVar[str] = "mistral"

    intermediate_size: Size = 14336
    num_key_value_heads: Size | None = 8
    max_position_embeddings: Length = 131072
    sliding_window: Length | None = 4096
    head_dim: Size | None = None


TASKS = {
    "base": "MistralModel",
    "causal-lm": "MistralForCausalLM",
    "sequence-classification": "MistralForSequenceClassification",
    "token-classification": "MistralForTokenClassification",
    "question-answering": "MistralForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "LlamaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, MistralConfig, TASKS, llama, {"ForQuestionAnswering": {"base_model_prefix": "model"}})
