"""RoBERTa (Liu et al. 2019): BERT trained longer, on more text, and only to fill in masked tokens.

Differs from BERT: positions count from the one after the padding token's id, whose own row stays zero; texts are byte pairs
as GPT-2's; nothing says which of two texts a token belongs to; a text is classified by the state of its first token.

Paper: https://arxiv.org/abs/1907.11692
"""

from typing import ClassVar

from ...core.kinds import Length
from ...core.plugins import lazy
from ...modeling.encoder_config import OffsetPositionsConfig


class RobertaConfig(OffsetPositionsConfig):
    """Hyperparameters; the defaults are those of RoBERTa base, but for the lengths, which are BERT's, as published."""

    model_type: ClassVar[str] = "roberta"

    vocab_size: Length = 50265
    bos_token_id: int | None = 0
    pad_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True


TASKS = {
    "base": "RobertaModel",
    "causal-lm": "RobertaForCausalLM",
    "masked-lm": "RobertaForMaskedLM",
    "sequence-classification": "RobertaForSequenceClassification",
    "token-classification": "RobertaForTokenClassification",
    "question-answering": "RobertaForQuestionAnswering",
    "multiple-choice": "RobertaForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "RobertaTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {"model": ["RobertaPreTrainedModel", *TASKS.values()], "tokenizer": ["RobertaTokenizer", "RobertaTokenizerFast"]},
)
