"""The two heads that BERT is trained with: masked tokens, and whether the second text follows the first."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import ModelOutput, Tensors
from ...nn.losses import token_loss
from ..config import PreTrainedConfig
from .headed import only
from .transformed_language import TransformedLanguageHead


@dataclass
class PreTrainingOutput(ModelOutput):
    """`prediction_logits` (B, T, V); `seq_relationship_logits` (B, 2): index 0 says that the second text follows the first."""

    loss: Tensor | None = None
    prediction_logits: Tensor | None = None
    seq_relationship_logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class PreTraining(TransformedLanguageHead):
    """Both heads, under `cls`. Class attribute `output_class`: a family has one of its own name."""

    output_class: ClassVar[type[PreTrainingOutput]] = PreTrainingOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.add_head(config)
        self.cls["seq_relationship"] = nn.Linear(config.get("hidden_size"), 2)

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
        words = self.vocabulary_logits(output.last_hidden_state)
        order = self.cls["seq_relationship"](output.pooler_output)
        losses = [] if labels is None else [token_loss(words, labels)]
        if next_sentence_label is not None:
            losses.append(token_loss(order, next_sentence_label, name="next_sentence_label"))
        return self.output_class(
            loss=torch.stack(losses).sum() if losses else None,
            prediction_logits=words,
            seq_relationship_logits=order,
            **only(PreTrainingOutput, output),
        )
