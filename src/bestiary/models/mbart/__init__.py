"""mBART (Liu et al. 2020): BART trained to restore damaged text in many languages, and then to translate.

Differs from BART: norms stand before each half of a layer, and one behind all; a decoder starts with the last token of its
text, which names the language.

Paper: https://arxiv.org/abs/2001.08210
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Rate
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.variant import variant
from .. import bart


class MBartConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are those of mBART large, but for the number of words, as published."""

    model_type: ClassVar[str] = "mbart"

    vocab_size: Length = 50265
    max_position_embeddings: Length = 1024
    classifier_dropout: Rate = 0.0
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    forced_eos_token_id: int | list[int] | None = 2
    is_decoder: bool = False


TASKS = {
    "base": "MBartModel",
    "masked-lm": "MBartForConditionalGeneration",
    "seq2seq-lm": "MBartForConditionalGeneration",
    "causal-lm": "MBartForCausalLM",
    "sequence-classification": "MBartForSequenceClassification",
    "question-answering": "MBartForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "MBartTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .tokenizer import MBart50Tokenizer, MBart50TokenizerFast, MBartTokenizer, MBartTokenizerFast  # noqa: F401

__getattr__, __dir__ = variant(
    __name__,
    MBartConfig,
    TASKS,
    bart,
    {**bart.NORMS_FIRST, "PreTrainedModel": {"stacks": bart.NORMED, "starts_with_last": True}},
    {"tokenizer": ["MBartTokenizer", "MBartTokenizerFast", "MBart50Tokenizer", "MBart50TokenizerFast"]},
)
