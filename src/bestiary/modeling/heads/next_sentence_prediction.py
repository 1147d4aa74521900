"""Whether one text follows another."""

from typing import Any

from torch import Tensor, nn

from ...core.outputs import NextSentencePredictorOutput
from ..config import PreTrainedConfig
from .headed import TextHead


class NextSentenceHead(nn.ModuleDict):
    """Logits (B, 2) of a text's vector (B, D), by the linear layer `seq_relationship`."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__({"seq_relationship": nn.Linear(config.get("hidden_size"), 2)})

    def forward(self, pooled_output: Tensor) -> Tensor:
        output: Tensor = self["seq_relationship"](pooled_output)
        return output


class NextSentence(TextHead[NextSentencePredictorOutput]):
    """Whether the second text follows the first: logits (B, 2) of yes and no, by a linear layer `cls.seq_relationship`.

    labels: (B,), 0 where the second text follows the first, 1 where it is a random one.
    """

    output_class = NextSentencePredictorOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.cls = NextSentenceHead(config)

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        result: Tensor = self.cls(output.pooler_output)
        return result
