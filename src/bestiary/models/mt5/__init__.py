"""mT5 (Xue et al. 2021): T5 v1.1 trained on a hundred languages.

Differs from T5: the defaults, and logits without scaling, whether or not the output layer has weights of its own (in the
published files it has).

Paper: https://arxiv.org/abs/2010.11934
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Size
from ...modeling.variant import variant
from .. import t5


class MT5Config(t5.T5Config):
    """Hyperparameters; the defaults are those of mT5 small, but for the number of words, as published."""

    model_type: ClassVar[str] = "mt5"

    vocab_size: Length = 250112
    d_ff: Size = 1024
    num_layers: Depth = 8
    num_heads: Size = 6
    feed_forward_proj: str = "gated-gelu"
    scale_decoder_outputs: bool | None = False
    decoder_start_token_id: int | None = 0

    def settle_output_layer(self) -> None:
        """The two say nothing of each other."""


TASKS = {
    "base": "MT5Model",
    "seq2seq-lm": "MT5ForConditionalGeneration",
    "text-encoding": "MT5EncoderModel",
    "sequence-classification": "MT5ForSequenceClassification",
    "token-classification": "MT5ForTokenClassification",
    "question-answering": "MT5ForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "T5Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, MT5Config, TASKS, t5)
