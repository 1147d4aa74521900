"""data2vec for text (Baevski et al. 2022): RoBERTa trained to predict the states of an average of its past selves.

Differs from RoBERTa: the backbone's name in files, and the defaults.

Paper: https://arxiv.org/abs/2202.03555
"""

from typing import TYPE_CHECKING, ClassVar

from ...modeling.encoder_config import OffsetPositionsConfig
from ...modeling.variant import variant
from .. import roberta


class Data2VecTextConfig(OffsetPositionsConfig):
    """Hyperparameters; the defaults are BERT base's but for the special tokens, as published."""

    model_type: ClassVar[str] = "data2vec-text"

    bos_token_id: int | None = 0
    pad_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True


TASKS = {
    "base": "Data2VecTextModel",
    "causal-lm": "Data2VecTextForCausalLM",
    "masked-lm": "Data2VecTextForMaskedLM",
    "sequence-classification": "Data2VecTextForSequenceClassification",
    "token-classification": "Data2VecTextForTokenClassification",
    "question-answering": "Data2VecTextForQuestionAnswering",
    "multiple-choice": "Data2VecTextForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "RobertaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Data2VecTextConfig,
    TASKS,
    roberta,
    {
        "PreTrainedModel": {"base_model_prefix": "data2vec_text"},
        "LanguageHead": {
            "_tied_weights_keys": {
                "lm_head.decoder.weight": "data2vec_text.embeddings.word_embeddings.weight",
                "lm_head.decoder.bias": "lm_head.bias",
            }
        },
    },
)
