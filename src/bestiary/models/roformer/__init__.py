"""RoFormer (Su et al. 2021): BERT whose positions are rotary, the first model that had these.

Differs from BERT: neighbours of a head's numbers turn together, by a table that files hold; embeddings may be narrower than the
states; there is no pooler; Chinese texts are cut into words first.

Paper: https://arxiv.org/abs/2104.09864
"""

from typing import ClassVar

from ...core.kinds import Length, Size
from ...core.plugins import lazy
from ...modeling.encoder_config import EncoderConfig


class RoFormerConfig(EncoderConfig):
    """Hyperparameters; the defaults are those of the base model. `rotary_value`: values turn with their positions, too."""

    model_type: ClassVar[str] = "roformer"

    vocab_size: Length = 50000
    embedding_size: Size | None = None
    max_position_embeddings: Length = 1536
    rotary_value: bool = False
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def validate(self) -> None:
        self.embedding_size = self.embedding_size or self.hidden_size
        super().validate()


TASKS = {
    "base": "RoFormerModel",
    "causal-lm": "RoFormerForCausalLM",
    "masked-lm": "RoFormerForMaskedLM",
    "sequence-classification": "RoFormerForSequenceClassification",
    "token-classification": "RoFormerForTokenClassification",
    "question-answering": "RoFormerForQuestionAnswering",
    "multiple-choice": "RoFormerForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "RoFormerTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["RoFormerPreTrainedModel", "RoFormerLayer", *TASKS.values()],
        "tokenizer": ["RoFormerTokenizer", "RoFormerTokenizerFast"],
    },
)
