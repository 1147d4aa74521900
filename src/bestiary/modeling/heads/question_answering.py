"""The first and last token of an answer."""

from typing import Any

from torch import Tensor, nn

from ...core.outputs import QuestionAnsweringModelOutput
from ...nn.losses import span_loss
from ..config import PreTrainedConfig
from .headed import Headed, only


class QuestionAnswering(Headed):
    """Logits of the first and last token of an answer (B, T), by a linear layer `qa_outputs`."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.qa_outputs = nn.Linear(config.get("hidden_size"), 2)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **inputs: Any,
    ) -> QuestionAnsweringModelOutput:
        """start_positions, end_positions: (B,); places outside of the input are ignored in the loss."""
        output = self.run_backbone(input_ids, attention_mask, **inputs)
        starts, ends = self.qa_outputs(output.last_hidden_state).unbind(-1)
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = span_loss(starts, ends, start_positions, end_positions)
        fields = only(QuestionAnsweringModelOutput, output)
        return QuestionAnsweringModelOutput(loss=loss, start_logits=starts, end_logits=ends, **fields)
