"""Gemma 2 (Gemma Team 2024): Gemma with a window in every other layer and bounds on scores and logits.

Differs from Gemma: norms before and behind each half of a block, the windows, the bounds, and scores divided by the root of a
number of their own (`query_pre_attn_scalar`).

Paper: https://arxiv.org/abs/2408.00118
"""

from typing import TYPE_CHECKING, ClassVar

from ...modeling.bounded_config import BoundedConfig
from ...modeling.variant import Import, variant
from .. import llama


class Gemma2Config(BoundedConfig):
    """Hyperparameters; the defaults are Gemma 2 2B's."""

    model_type: ClassVar[str] = "gemma2"

    use_bidirectional_attention: bool | None = None


TASKS = {
    "base": "Gemma2Model",
    "causal-lm": "Gemma2ForCausalLM",
    "sequence-classification": "Gemma2ForSequenceClassification",
    "token-classification": "Gemma2ForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "GemmaTokenizer"}

NORM = Import("bestiary.nn.norm.ShiftedRMSNorm")
NORM_NAMES = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Gemma2Config,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"kernels": ("eager", "flex_attention", "flash_attention_2")},  # sdpa cannot bound scores
        "Model": {"norm_class": NORM, "embedding_scale": lambda model, config: config.hidden_size**0.5},
        "DecoderLayer": {"norm_class": NORM, "norm_names": NORM_NAMES},
    },
)
