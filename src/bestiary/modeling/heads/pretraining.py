"""The two heads that BERT is trained with: masked tokens, and whether the second text follows the first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import ModelOutput, Tensors
from ...nn.losses import token_loss
from ..config import PreTrainedConfig
from .headed import only
from .transformed_language import LMPredictionHead, PredictionsHead, TransformedLanguageHead


@dataclass
class PreTrainingOutput(ModelOutput):
    """`prediction_logits` (B, T, V); `seq_relationship_logits` (B, 2): index 0 says that the second text follows the first."""

    loss: Tensor | None = None
    prediction_logits: Tensor | None = None
    seq_relationship_logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class PreTrainingHeads(PredictionsHead):
    """Both heads: states (B, T, D) and their vector (B, D) to logits (B, T, V) and (B, 2)."""

    def __init__(self, config: PreTrainedConfig, predictions_class: Callable[[Any], nn.Module] = LMPredictionHead) -> None:
        super().__init__(config, predictions_class)
        self["seq_relationship"] = nn.Linear(config.get("hidden_size"), 2)

    def forward(self, sequence_output: Tensor, pooled_output: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().forward(sequence_output), self["seq_relationship"](pooled_output)


class PreTraining(TransformedLanguageHead):
    """Both heads, under `cls`. Class attribute `output_class`: a family has one of its own name."""

    output_class: ClassVar[type[PreTrainingOutput]] = PreTrainingOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.cls = PreTrainingHeads(config, self.predictions_class)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        **inputs: Any,
    ) -> PreTrainingOutput:
        """labels: (B, T), masked tokens, -100 is ignored; next_sentence_label: (B,), 1 for a random second text.

        The loss is the sum over the labels given.
        """
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        words, order = self.cls(output.last_hidden_state, output.pooler_output)
        losses = [] if labels is None else [token_loss(words, labels)]
        if next_sentence_label is not None:
            losses.append(token_loss(order, next_sentence_label, name="next_sentence_label"))
        return self.output_class(
            loss=torch.stack(losses).sum() if losses else None,
            prediction_logits=words,
            seq_relationship_logits=order,
            **only(PreTrainingOutput, output),
        )
