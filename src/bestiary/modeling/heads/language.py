"""Logits over the vocabulary, for whichever task."""

from typing import ClassVar

from torch import Tensor, nn

from ...core.errors import InputError
from ...nn.alias import Alias
from ...nn.kernels import capped
from ..base import PreTrainedModel
from ..config import PreTrainedConfig
from .headed import Headed


def select_positions(hidden: Tensor, logits_to_keep: int | Tensor) -> Tensor:
    """`hidden` (B, T, D) at the positions that get logits: all (0), the last n, or those of an index tensor; (B, n, D)."""
    if isinstance(logits_to_keep, Tensor):
        return hidden[:, logits_to_keep]
    if logits_to_keep < 0:
        raise InputError(f"logits_to_keep is {logits_to_keep}; expected how many of the last positions, or a tensor of places")
    return hidden[:, -logits_to_keep:] if logits_to_keep else hidden


class VocabularyHead(PreTrainedModel):
    """Logits over the vocabulary, by a linear layer called `head_name` that is usually tied to the embedding.

    A family whose head is more than that overrides the three methods.
    """

    head_name: ClassVar[str] = "lm_head"
    lm_head_bias: ClassVar[bool] = False
    vocab_size = Alias("config.vocab_size")

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.add_head(config)

    def add_head(self, config: PreTrainedConfig) -> None:
        """Build the linear layer from states to logits."""
        bias = config.declared("lm_head_bias", self.lm_head_bias)
        head = nn.Linear(config.output_size, config.get("vocab_size"), bias=bias)
        self.add_module(self.head_name, head)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V), times `logit_scale`, over `logits_scaling`, within the bound `final_logit_softcapping`."""
        config, logits = self.config.get_text_config(), self.get_output_embeddings()(hidden)
        scale, divisor = config.declared("logit_scale", 1.0), config.declared("logits_scaling", 1.0)
        logits = logits if scale == divisor == 1.0 else logits * scale / divisor
        bound = config.declared("final_logit_softcapping")
        return logits if bound is None else capped(logits, bound)

    def get_output_embeddings(self) -> nn.Module:
        return self.get_submodule(self.head_name)


class LanguageHead(VocabularyHead, Headed):
    """Such a head on a backbone under its published name."""
