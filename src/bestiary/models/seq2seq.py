"""What encoder-decoders share: the decoder's input for labels, and the encoder's output from any source."""

from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.outputs import BaseModelOutput, ModelOutput
from ..nn.losses import IGNORE


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


def one_of(ids: Tensor | None, embeds: Tensor | None, prefix: str = "") -> None:
    """Refuse both or neither of `input_ids` and `inputs_embeds`."""
    if (ids is None) == (embeds is None):
        raise InputError(f"pass either {prefix}input_ids or {prefix}inputs_embeds, and not both")
