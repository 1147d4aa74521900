"""Longformer (Beltagy et al. 2020): RoBERTa for long texts, whose tokens see their neighbours, and some of them everything.

Differs from RoBERTa: the attention, and `global_attention_mask`, which says which tokens see all and are seen by all. Where a
caller has none, that is the first token where a text is classified, the question where it is answered, and each choice.

Paper: https://arxiv.org/abs/2004.05150
"""

from typing import ClassVar

from ...core.kinds import Size
from ...core.plugins import lazy
from ...modeling.encoder_config import OffsetPositionsConfig


class LongformerConfig(OffsetPositionsConfig):
    """Hyperparameters; the defaults are Longformer base's but for the lengths, which are BERT's, as published.

    `attention_window`: how many neighbours a token sees, on both sides together; one even number for all layers, or one for
    each. `onnx_export`: kept; every model can be exported.
    """

    model_type: ClassVar[str] = "longformer"

    attention_window: Size | list[Size] = 512
    sep_token_id: int | None = 2  # behind the first of two texts
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    onnx_export: bool = False


TASKS = {
    "base": "LongformerModel",
    "masked-lm": "LongformerForMaskedLM",
    "sequence-classification": "LongformerForSequenceClassification",
    "token-classification": "LongformerForTokenClassification",
    "question-answering": "LongformerForQuestionAnswering",
    "multiple-choice": "LongformerForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "RobertaTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["LongformerPreTrainedModel", "LongformerSelfAttention", *TASKS.values()],
        "tokenizer": ["LongformerTokenizer", "LongformerTokenizerFast"],
    },
)
