"""Nomic Embed (Nussbaum et al. 2024): BERT with rotary positions and gated MLPs, for embeddings of texts of 2048 tokens.

Differs from BERT: the positions, the MLPs, no biases in either half of a block, no pooler unless a text is classified.

Paper: https://arxiv.org/abs/2402.01613
"""

from typing import ClassVar

from ...core.kinds import Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.rotary_encoder_config import RotaryEncoderConfig


class NomicBertConfig(RotaryEncoderConfig):
    """Hyperparameters; the defaults are those of nomic-embed-text v1.5. `head_dim`: the width of a head."""

    model_type: ClassVar[str] = "nomic_bert"
    default_theta: ClassVar[float] = 1000.0

    vocab_size: Length = 30528
    hidden_act: str = "silu"
    hidden_dropout_prob: Rate = 0.0
    attention_probs_dropout_prob: Rate = 0.0
    max_position_embeddings: Length = 2048
    pad_token_id: int | None = 0
    head_dim: Size | None = None

    def validate(self) -> None:
        super().validate()
        self.head_dim = self.head_size


TASKS = {
    "base": "NomicBertModel",
    "masked-lm": "NomicBertForMaskedLM",
    "sequence-classification": "NomicBertForSequenceClassification",
    "token-classification": "NomicBertForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "BertTokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["NomicBertPreTrainedModel", *TASKS.values()]})
