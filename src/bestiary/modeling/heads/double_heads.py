"""Two heads of GPT's fine-tuning (Radford et al. 2018): the next token, and which of several texts is right."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from ...core.errors import InputError
from ...core.outputs import ModelOutput, Tensors
from ...nn.inputs import check_places
from ...nn.losses import causal_lm_loss, token_loss
from ...nn.pooling import last_real
from ..config import PreTrainedConfig
from .headed import recorded
from .language import LanguageHead
from .sequence_summary import SequenceSummary


@dataclass
class DoubleHeadsOutput(ModelOutput):
    """`logits` (B, choices, T, V) and `mc_logits` (B, choices), with the losses of both."""

    loss: Tensor | None = None
    mc_loss: Tensor | None = None
    logits: Tensor | None = None
    mc_logits: Tensor | None = None
    past_key_values: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    cross_attentions: Tensors | None = None


class DoubleHeads(LanguageHead):
    """Logits over the next token and, by `multiple_choice_head`, a score for each of several texts (RocStories, SWAG)."""

    output_class: ClassVar[type[DoubleHeadsOutput]] = DoubleHeadsOutput
    summary_class: ClassVar[type[SequenceSummary]] = SequenceSummary

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.multiple_choice_head = self.summary_class(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        mc_token_ids: Tensor | None = None,
        labels: Tensor | None = None,
        mc_labels: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        **inputs: Any,
    ) -> DoubleHeadsOutput:
        """input_ids and its companions (B, choices, T), or (B, T) for one text each.

        Args:
            mc_token_ids: (B, choices), the token whose state is scored; the last real one when None.
            labels: like input_ids, shifted by the model; -100 is ignored. mc_labels: (B,), the index of the right choice.
        """
        main_input = input_ids if input_ids is not None else inputs.get("inputs_embeds")
        if main_input is None:
            raise InputError("pass input_ids or inputs_embeds")
        shape = main_input.shape[:-1] if input_ids is None else main_input.shape
        tensors = {"input_ids": input_ids, "attention_mask": attention_mask, **inputs}
        flat = {name: None if x is None else x.reshape(-1, *x.shape[len(shape) - 1 :]) for name, x in tensors.items()}
        output = self.run_backbone(past_key_values=past_key_values, use_cache=use_cache, **flat)
        hidden = output.last_hidden_state.unflatten(0, shape[:-1])
        if attention_mask is not None and (mc_token_ids is None or self.config.get("summary_type") == "last"):
            mc_token_ids = last_real(attention_mask[..., -shape[-1] :] != 0)
        elif mc_token_ids is not None:
            mc_token_ids = check_places(mc_token_ids, "mc_token_ids", shape[:-1], shape[-1])
        logits, scores = self.vocabulary_logits(hidden), self.multiple_choice_head(hidden, mc_token_ids)
        return self.output_class(
            loss=None if labels is None else causal_lm_loss(logits, labels),
            mc_loss=None if mc_labels is None else token_loss(scores.view(-1, scores.shape[-1]), mc_labels, name="mc_labels"),
            logits=logits,
            mc_logits=scores,
            **recorded(output),
        )
