"""The first and last token of an answer."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ...core.outputs import QuestionAnsweringModelOutput, Seq2SeqQuestionAnsweringModelOutput
from ..config import PreTrainedConfig
from ..seq2seq import Seq2SeqPreTrainedModel
from .headed import Headed, only, recorded


class QuestionAnswering(Headed):
    """Logits of the first and last token of an answer (B, T), by a linear layer called `head_name`."""

    output_class = QuestionAnsweringModelOutput
    head_name: ClassVar[str] = "qa_outputs"
    loss_type = "ForQuestionAnswering"
    num_labels = 2  # is it the first token, is it the last

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.add_module(self.head_name, nn.Linear(config.output_size, self.num_labels))

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
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        starts, ends = self.span_logits(output.last_hidden_state).unbind(-1)
        loss = self.loss_function(starts, ends, start_positions, end_positions)
        fields = only(self.output_class, output)
        answer: QuestionAnsweringModelOutput = self.output_class(loss=loss, start_logits=starts, end_logits=ends, **fields)
        return answer

    def span_logits(self, hidden: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, 2), for the first and the last token."""
        logits: Tensor = self.get_submodule(self.head_name)(hidden)
        return logits


class Seq2SeqQuestionAnswering(Seq2SeqPreTrainedModel):
    """The same from the decoder's states over the encoder's text; the model without a head follows in the order of bases."""

    output_class: ClassVar[Any] = Seq2SeqQuestionAnsweringModelOutput
    decoder_repeats_text = True
    loss_type = "ForQuestionAnswering"
    num_labels = 2  # as above

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.qa_outputs = nn.Linear(config.get("hidden_size"), self.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **inputs: Any,
    ) -> Seq2SeqQuestionAnsweringModelOutput:
        """start_positions, end_positions: (B,); places outside of the input are ignored in the loss."""
        output = super().forward(input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, **inputs)
        starts, ends = self.qa_outputs(output.last_hidden_state).unbind(-1)
        loss = self.loss_function(starts, ends, start_positions, end_positions)
        fields = {"loss": loss, "start_logits": starts, "end_logits": ends, **recorded(output)}
        answer: Seq2SeqQuestionAnsweringModelOutput = self.output_class(**fields)
        return answer
