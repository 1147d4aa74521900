"""Logits over the vocabulary, for whichever task."""

from typing import ClassVar

from torch import Tensor, nn

from ...core.errors import InputError
from ..config import PreTrainedConfig
from .headed import Headed


def kept(hidden: Tensor, logits_to_keep: int | Tensor) -> Tensor:
    """The positions of (B, T, D) whose logits are wanted: all (0), the last n, or those of an index tensor."""
    if isinstance(logits_to_keep, Tensor):
        return hidden[:, logits_to_keep]
    if logits_to_keep < 0:
        raise InputError(f"logits_to_keep is {logits_to_keep}; expected how many of the last positions, or a tensor of places")
    return hidden[:, -logits_to_keep:] if logits_to_keep else hidden


class LanguageHead(Headed):
    """Logits over the vocabulary, by a linear layer `lm_head` that is usually tied to the embedding.

    A family whose head is more than that overrides the three methods.
    """

    lm_head_bias: ClassVar[bool] = False

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.add_head(config)

    def add_head(self, config: PreTrainedConfig) -> None:
        """Build the head."""
        self.lm_head = nn.Linear(config.get("hidden_size"), config.get("vocab_size"), bias=self.lm_head_bias)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        return self.lm_head(hidden)

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head
