"""Ministral 8B (Mistral AI 2024): Mistral whose layers say one by one whether they have the window (`layer_types`)."""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import variant
from .. import llama


class MinistralConfig(DecoderConfig):
    """Hyperparameters; the defaults are those of Mistral 7B."""

    model_type: ClassVar[str] = "ministral"

    intermediate_size: Size = 14336
    num_key_value_heads: Size | None = 8
    max_position_embeddings: Length = 131072
    sliding_window: Length | None = 4096
    layer_types: list[str] | None = None
    head_dim: Size | None = None

    def validate(self) -> None:
        head_dim = self.head_dim
        super().validate()
        self.head_dim = head_dim  # files leave it out where it follows from the sizes


TASKS = {
    "base": "MinistralModel",
    "causal-lm": "MinistralForCausalLM",
    "sequence-classification": "MinistralForSequenceClassification",
    "token-classification": "MinistralForTokenClassification",
    "question-answering": "MinistralForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "LlamaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, MinistralConfig, TASKS, llama)
