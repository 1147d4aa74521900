"""MPNet (Song et al. 2020): BERT trained to predict tokens in any order, each seeing the positions of all.

Differs from BERT: no segments, positions as RoBERTa's, and a bias on attention that depends on the distance of two tokens, one
table for all layers.

Paper: https://arxiv.org/abs/2004.09297
"""

from typing import Annotated, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Length, Range
from ...core.plugins import lazy
from ...modeling.encoder_config import EncoderConfig

PADDING_ROW = 1  # of both tables, whatever the padding token is
BUCKETS = 32  # of distances, however many rows the table has


class MPNetConfig(EncoderConfig):
    """Hyperparameters; the defaults are MPNet base's. Of the table of distances the first 32 rows are used."""

    model_type: ClassVar[str] = "mpnet"
    no_effect: ClassVar[frozenset[str]] = frozenset({"type_vocab_size"})

    vocab_size: Length = 30527
    relative_attention_num_buckets: Annotated[int, Range(BUCKETS, 2**20)] = BUCKETS
    bos_token_id: int | None = 0
    pad_token_id: int | None = PADDING_ROW
    eos_token_id: int | list[int] | None = 2
    tie_word_embeddings: bool = True

    @property
    def padding_row(self) -> int:
        """The row of the token embeddings that stays zero.

        Raises:
            ConfigError: the vocabulary has no such row.
        """
        if self.vocab_size <= PADDING_ROW:
            raise ConfigError(f"MPNetConfig: vocab_size is {self.vocab_size}; row {PADDING_ROW} is that of padding")
        return PADDING_ROW

    @property
    def first_position(self) -> int:
        """The position after that of padding."""
        return PADDING_ROW + 1


TASKS = {
    "base": "MPNetModel",
    "pretraining": "MPNetForMaskedLM",
    "masked-lm": "MPNetForMaskedLM",
    "sequence-classification": "MPNetForSequenceClassification",
    "token-classification": "MPNetForTokenClassification",
    "question-answering": "MPNetForQuestionAnswering",
    "multiple-choice": "MPNetForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "MPNetTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["MPNetPreTrainedModel", "MPNetLayer", *TASKS.values()],
        "tokenizer": ["MPNetTokenizer", "MPNetTokenizerFast"],
    },
)
