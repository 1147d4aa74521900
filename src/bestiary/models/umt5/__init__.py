"""UMT5 (Chung et al. 2023): mT5 with fairly sampled languages, and a table of distances in every layer.

Differs from mT5: the tables, and logits that are scaled, as in the published library (the order of words is the same
without).

Paper: https://arxiv.org/abs/2304.09151
"""

from typing import TYPE_CHECKING, ClassVar

from ...modeling.variant import variant
from .. import mt5, t5


class UMT5Config(mt5.MT5Config):
    """Hyperparameters; the defaults are those of UMT5 small, but for the number of words, as published."""

    model_type: ClassVar[str] = "umt5"

    scale_decoder_outputs: bool | None = True


TASKS = {
    "base": "UMT5Model",
    "seq2seq-lm": "UMT5ForConditionalGeneration",
    "text-encoding": "UMT5EncoderModel",
    "sequence-classification": "UMT5ForSequenceClassification",
    "token-classification": "UMT5ForTokenClassification",
    "question-answering": "UMT5ForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "T5Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, UMT5Config, TASKS, t5, {"LayerSelfAttention": {"shares_bias": False}})
