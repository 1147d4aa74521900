"""What encoder-decoders share: the decoder's input for labels, and the encoder's output from any source."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.outputs import BaseModelOutput, ModelOutput, Seq2SeqLMOutput
from ...nn.losses import IGNORE, token_loss
from ..base import PreTrainedModel
from .generating import GenerationMixin
from .headed import recorded


def shift_right(ids: Tensor, start: int | None, pad: int | None, mask: Tensor | None = None) -> Tensor:
    """The decoder's input (B, T) for the targets `ids` (B, T): each row one place later, the token `start` in front.

    Ignored labels (-100) become `pad`. With the padding `mask` (B, T) of `ids`, the start token of a left-padded row stands
    just before its first real token, so that the same mask serves for the shifted row.

    Raises:
        InputError: the config has no start token, or no padding token to stand for ignored labels.
    """
    if start is None:
        raise InputError("config.decoder_start_token_id is None; set it, or pass decoder_input_ids")
    if pad is None:
        raise InputError("config.pad_token_id is None; set it, or pass decoder_input_ids")
    shifted = torch.cat([torch.full_like(ids[:, :1], start), ids[:, :-1]], dim=1)
    shifted = shifted.masked_fill(shifted == IGNORE, pad)
    return shifted if mask is None else shifted.scatter(1, (mask != 0).int().argmax(1, keepdim=True), start)


def encoder_output(given: Any) -> BaseModelOutput:
    """What a caller passes as `encoder_outputs`: an output object, the states (B, S, D), or a tuple that starts with them."""
    if isinstance(given, ModelOutput):
        return BaseModelOutput(given["last_hidden_state"], given.get("hidden_states"), given.get("attentions"))
    return BaseModelOutput(given) if isinstance(given, Tensor) else BaseModelOutput(*given)


def encoder_fields(encoded: BaseModelOutput) -> dict[str, Any]:
    """The encoder's part of a `Seq2SeqModelOutput`."""
    return {f"encoder_{name}": value for name, value in encoded.items()}


class Seq2SeqLM(GenerationMixin, PreTrainedModel):
    """An encoder-decoder whose decoder writes text."""

    if TYPE_CHECKING:

        def decoder_start(self) -> int | None: ...

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor) -> Tensor:
        """The decoder's input (B, T) for labels (B, T), as data collators ask for it."""
        return shift_right(labels, self.decoder_start(), self.config.pad_token_id)

    def decoder_input(self, ids: Tensor | None, labels: Tensor | None, inputs: dict[str, Any]) -> Tensor | None:
        """The decoder's `ids` (B, T), or, where neither they nor embeddings are given, what belongs to the labels."""
        if labels is None or ids is not None or inputs.get("decoder_inputs_embeds") is not None:
            return ids
        return self.prepare_decoder_input_ids_from_labels(labels)

    def written(self, logits: Tensor, labels: Tensor | None, num_items: Any, output: ModelOutput) -> Seq2SeqLMOutput:
        """Logits (B, T, V), their loss where there are labels (B, T), and what else the model without its head gave."""
        loss = None if labels is None else token_loss(logits, labels, num_items)
        return Seq2SeqLMOutput(loss=loss, logits=logits, **recorded(output))
