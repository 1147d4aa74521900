"""DPR (Karpukhin et al. 2020): BERT that finds passages for questions by the product of two vectors, and reads answers there.

Differs from BERT: one encoder for questions and one for passages, each giving the first token's state, which may be projected;
the reader marks the answer in each passage and says how well the passage fits.

Paper: https://arxiv.org/abs/2004.04906
"""

from typing import ClassVar

from ...core.kinds import Count
from ...core.plugins import lazy
from ...modeling.encoder_config import EncoderConfig


class DPRConfig(EncoderConfig):
    """Hyperparameters; the defaults are BERT base's. `projection_dim` (0: none) is the width of the vectors."""

    model_type: ClassVar[str] = "dpr"

    projection_dim: Count = 0
    is_decoder: bool = False
    add_cross_attention: bool = False
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None


TASKS = {
    "base": "DPRQuestionEncoder",
    "context-encoder": "DPRContextEncoder",
    "reader": "DPRReader",
}

PREPROCESSORS = {"tokenizer": "DPRQuestionEncoderTokenizer"}

_TOKENIZERS = ["DPRContextEncoderTokenizer", "DPRQuestionEncoderTokenizer", "DPRReaderTokenizer"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": [
            "DPRPreTrainedModel",
            "DPRPretrainedContextEncoder",
            "DPRPretrainedQuestionEncoder",
            "DPRPretrainedReader",
            "DPRReaderOutput",
            *TASKS.values(),
        ],
        "tokenizer": [*_TOKENIZERS, *(f"{name}Fast" for name in _TOKENIZERS)],
    },
)
