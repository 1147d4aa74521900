"""Telling which tokens of a text were replaced (Clark et al. 2020)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from ...core.outputs import ModelOutput, Tensors
from ...nn.activations import activation
from ...nn.losses import yes_no_loss
from ..config import PreTrainedConfig
from .headed import Headed, only


@dataclass
class ReplacedTokensOutput(ModelOutput):
    """`logits` (B, T), above 0 where a token seems to be replaced."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class DiscriminatorPredictions(nn.Module):
    """dense_prediction(act(dense(x))), a number for each token."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense, self.activation = nn.Linear(config.hidden_size, config.hidden_size), activation(config.hidden_act)
        self.dense_prediction = nn.Linear(config.hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T)."""
        output: Tensor = self.dense_prediction(self.activation(self.dense(x))).squeeze(-1)
        return output


class ReplacedTokens(Headed):
    """A number for each token, by `discriminator_predictions`. Class attribute `output_class`: a family has its own."""

    answers_each_token = True
    output_class: ClassVar[type[ReplacedTokensOutput]] = ReplacedTokensOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.discriminator_predictions = DiscriminatorPredictions(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> ReplacedTokensOutput:
        """labels: (B, T), 1 where a token was replaced, else 0; those of padding are ignored."""
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        logits = self.discriminator_predictions(output.last_hidden_state)
        padded = attention_mask is not None and attention_mask.dim() == 2
        loss = None if labels is None else yes_no_loss(logits, labels, attention_mask if padded else None)
        return self.output_class(loss=loss, logits=logits, **only(ReplacedTokensOutput, output))
