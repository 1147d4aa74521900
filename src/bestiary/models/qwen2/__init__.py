"""Qwen 2 and 2.5 (Yang et al. 2024): Llama with biases on queries, keys and values, and windows in its later layers on demand.

Differs from Llama: these biases, the windows (`use_sliding_window`), byte pairs over texts in Unicode's NFC, and the defaults.

Paper: https://arxiv.org/abs/2407.10671
"""

from typing import TYPE_CHECKING, ClassVar

from ...modeling.decoder_config import LateWindowConfig
from ...modeling.variant import Changes, Import, variant
from .. import llama


class Qwen2Config(LateWindowConfig):
    """Hyperparameters; the defaults are those of Qwen 2's code."""

    model_type: ClassVar[str] = "qwen2"


TASKS = {
    "base": "Qwen2Model",
    "causal-lm": "Qwen2ForCausalLM",
    "sequence-classification": "Qwen2ForSequenceClassification",
    "token-classification": "Qwen2ForTokenClassification",
    "question-answering": "Qwen2ForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "Qwen2Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .norm import Qwen2RMSNorm  # noqa: F401
    from .tokenizer import Qwen2Tokenizer, Qwen2TokenizerFast  # noqa: F401

NORM = Import("bestiary.models.qwen2.norm.Qwen2RMSNorm")
CHANGES: Changes = {
    "Attention": {"bias": True, "output_bias": False},
    "DecoderLayer": {"norm_class": NORM},
    "Model": {"norm_class": NORM},
}

__getattr__, __dir__ = variant(
    __name__,
    Qwen2Config,
    TASKS,
    llama,
    CHANGES,
    {"norm": ["Qwen2RMSNorm"], "tokenizer": ["Qwen2Tokenizer", "Qwen2TokenizerFast"]},
)
