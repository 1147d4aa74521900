"""What encoder-decoders with mixtures of experts return."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .outputs import ALWAYS, ModelOutput, Tensors


@dataclass
class Seq2SeqMoEModelOutput(ModelOutput):
    """An encoder-decoder's states, with the scores of the experts in each layer that has a router."""

    last_hidden_state: Tensor = ALWAYS
    past_key_values: Any | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    decoder_router_logits: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    encoder_router_logits: Tensors | None = None


@dataclass
class Seq2SeqMoEOutput(ModelOutput):
    """The same with `logits` (B, T, V) and the routers' losses.

    `aux_loss` is least where the experts get the same work, `z_loss` where scores are small; `loss` includes them.
    """

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    encoder_z_loss: Tensor | None = None
    decoder_z_loss: Tensor | None = None
    encoder_aux_loss: Tensor | None = None
    decoder_aux_loss: Tensor | None = None
    past_key_values: Any | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    decoder_router_logits: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    encoder_router_logits: Tensors | None = None
