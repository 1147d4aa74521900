"""XLM-RoBERTa (Conneau et al. 2020): RoBERTa trained on texts of 100 languages.

Differs from RoBERTa: texts are sentencepiece unigrams, and the defaults.

Paper: https://arxiv.org/abs/1911.02116
"""

from typing import TYPE_CHECKING, ClassVar

from ...modeling.encoder_config import OffsetPositionsConfig
from ...modeling.variant import variant
from .. import roberta


class XLMRobertaConfig(OffsetPositionsConfig):
    """Hyperparameters; the defaults are BERT base's but for the special tokens, as published."""

    model_type: ClassVar[str] = "xlm-roberta"

    bos_token_id: int | None = 0
    pad_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True


TASKS = {
    "base": "XLMRobertaModel",
    "causal-lm": "XLMRobertaForCausalLM",
    "masked-lm": "XLMRobertaForMaskedLM",
    "sequence-classification": "XLMRobertaForSequenceClassification",
    "token-classification": "XLMRobertaForTokenClassification",
    "question-answering": "XLMRobertaForQuestionAnswering",
    "multiple-choice": "XLMRobertaForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "XLMRobertaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    XLMRobertaConfig,
    TASKS,
    roberta,
    {"PreTrainedModel": {"last_parts": ("roberta",)}},
    further={"tokenizer": ["XLMRobertaTokenizer", "XLMRobertaTokenizerFast"]},
)
