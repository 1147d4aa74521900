"""GTE v1.5 (Zhang et al. 2024, mGTE): BERT with rotary positions and gated MLPs, for embeddings of texts of 8192 tokens.

Differs from BERT: the positions, the MLPs, no pooler unless a text is classified, RoBERTa's vocabulary head.

Paper: https://arxiv.org/abs/2407.19669
"""

from typing import ClassVar

from ...core.kinds import Count, Length, Rate
from ...core.plugins import lazy
from ...modeling.rotary_encoder_config import RotaryEncoderConfig


class GteConfig(RotaryEncoderConfig):
    """Hyperparameters; the defaults are those of gte-multilingual-base. `type_vocab_size=0`: there are no segments."""

    model_type: ClassVar[str] = "gte"
    default_theta: ClassVar[float] = 160_000.0

    vocab_size: Length = 250048
    attention_probs_dropout_prob: Rate = 0.0
    max_position_embeddings: Length = 8192
    type_vocab_size: Count = 1
    pad_token_id: int | None = 1
    tie_word_embeddings: bool = True


TASKS = {
    "base": "GteModel",
    "masked-lm": "GteForMaskedLM",
    "sequence-classification": "GteForSequenceClassification",
    "token-classification": "GteForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "XLMRobertaTokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["GtePreTrainedModel", *TASKS.values()]})
