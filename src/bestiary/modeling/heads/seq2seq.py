"""Writing text: an encoder-decoder with a language-modelling head, and its decoder alone with one."""

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from ...core.errors import InputError
from ...core.outputs import Seq2SeqLMOutput
from ...nn.inputs import shown
from ...nn.losses import check_classes, token_loss
from ..config import PreTrainedConfig
from ..seq2seq import Seq2SeqPreTrainedModel
from .causal_lm import CausalLM
from .generating import GenerationMixin
from .headed import recorded
from .language import VocabularyHead


class GeneratingSeq2Seq(GenerationMixin, Seq2SeqPreTrainedModel):
    """An encoder-decoder whose decoder writes text."""

    if TYPE_CHECKING:

        def forward(self, *args: Any, **inputs: Any) -> Seq2SeqLMOutput: ...

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor) -> Tensor:
        """The decoder's input (B, T) for labels (B, T), as data collators ask for it.

        Raises:
            InputError: they are no labels (B, T), or tokens that the vocabulary does not have.
        """
        if not isinstance(labels, Tensor) or labels.dim() != 2:
            raise InputError(f"labels are {shown(labels)}; expected a tensor (batch, tokens)")
        return self.shifted(check_classes(labels, self.config.get_text_config(decoder=True).get("vocab_size")))


class Seq2SeqLM(GeneratingSeq2Seq, VocabularyHead, Seq2SeqPreTrainedModel):
    """The same with its head in this class; the model without it follows in the order of bases.

    Class attributes:
        output_class: what forward gives; a family whose backbone gives more has another, with fields for it.
    """

    output_class: ClassVar[Any] = Seq2SeqLMOutput

    def add_head(self, config: PreTrainedConfig) -> None:
        super().add_head(config.get_text_config(decoder=True))

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **inputs: Any,
    ) -> Seq2SeqLMOutput:
        """Args:
        labels: (B, T), -100 is ignored; the decoder's input is made from them where it is not given.
        num_items_in_batch: labels in all micro-batches of a step, to divide the summed loss by.
        """
        if labels is not None and decoder_input_ids is None and inputs.get("decoder_inputs_embeds") is None:
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        output: Any = super().forward(input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, **inputs)
        logits = self.vocabulary_logits(output.last_hidden_state)
        loss = None if labels is None else self.loss(logits, labels, num_items_in_batch)
        written: Seq2SeqLMOutput = self.output_class(loss=loss, logits=logits, **recorded(output))
        return written

    def loss(self, logits: Tensor, labels: Tensor, num_items: Tensor | int | None) -> Tensor:
        """labels (B, T): each the target at its own position; -100 is ignored."""
        return token_loss(logits, labels, num_items)


class DecoderLM(CausalLM, Seq2SeqPreTrainedModel):
    """The decoder of an encoder-decoder alone, with its head. Unlike a causal model's, labels are not shifted.

    Class attributes:
        alone: what the config says otherwise than in the whole model.
    """

    main_input_name: ClassVar[str] = "input_ids"
    labels_are_shifted = False
    alone: ClassVar[dict[str, Any]] = {"is_encoder_decoder": False}

    def __init__(self, config: PreTrainedConfig) -> None:
        config = copy.deepcopy(config.get_text_config(decoder=True))
        config.update(self.alone)
        super().__init__(config)

    def loss(
        self, logits: Tensor, labels: Tensor, num_items: Tensor | int | None, shift_labels: Tensor | None = None
    ) -> Tensor:
        """labels (B, T), or `shift_labels`, which say the same: each the target at its own position; -100 is ignored."""
        return token_loss(logits, labels if shift_labels is None else shift_labels, num_items)
