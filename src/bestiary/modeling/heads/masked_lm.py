"""Filling masked tokens."""

from typing import Any

from torch import Tensor

from ...core.outputs import MaskedLMOutput
from .headed import TextHead
from .language import LanguageHead


class MaskedLM(TextHead[MaskedLMOutput], LanguageHead):
    """Logits over the token at each position, as seen from both sides. labels: (B, T), the tokens that were masked."""

    output_class = MaskedLMOutput

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        return self.vocabulary_logits(output.last_hidden_state)
