"""Filling masked tokens."""

from typing import Any

from torch import Tensor

from ...core.outputs import MaskedLMOutput
from .headed import TextHead
from .language import LanguageHead


class MaskedLM(TextHead[MaskedLMOutput], LanguageHead):
    """Logits over the token at each position, as seen from both sides. labels: (B, T), the tokens that were masked."""

    output_class = MaskedLMOutput
    loss_type = "ForMaskedLM"
    answers_each_token = True

    def loss(self, logits: Tensor, labels: Tensor | None) -> Any:
        return None if labels is None else self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1])

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        return self.vocabulary_logits(output.last_hidden_state)
