"""BERT (Devlin et al. 2019): a bidirectional encoder with learned positions, norms after each half of a block.

Differs from GPT-2: every token sees every other, segments (token types) are embedded, and the first token's state, pooled,
stands for the text. With `is_decoder` the same layers look only back, keep a cache, and may look at an encoder
(`add_cross_attention`; Rothe et al. 2020).

Paper: https://arxiv.org/abs/1810.04805
"""

from typing import ClassVar

from ...core.plugins import lazy
from ...modeling.encoder_config import EncoderConfig


class BertConfig(EncoderConfig):
    """Hyperparameters; the defaults are BERT base's."""

    model_type: ClassVar[str] = "bert"

    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None


TASKS = {
    "base": "BertModel",
    "pretraining": "BertForPreTraining",
    "causal-lm": "BertLMHeadModel",
    "masked-lm": "BertForMaskedLM",
    "next-sentence-prediction": "BertForNextSentencePrediction",
    "sequence-classification": "BertForSequenceClassification",
    "token-classification": "BertForTokenClassification",
    "question-answering": "BertForQuestionAnswering",
    "multiple-choice": "BertForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "BertTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["BertPreTrainedModel", "BertForPreTrainingOutput", "BertLayer", *TASKS.values()],
        "tokenizer": ["BertTokenizer", "BertTokenizerFast"],
    },
)
