"""What models of series return."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .outputs import ALWAYS, ModelOutput, Seq2SeqModelOutput, Tensors


@dataclass
class Seq2SeqTSModelOutput(Seq2SeqModelOutput):
    """An encoder-decoder's states, with what the series were shifted by (`loc`) and divided by (`scale`), (B, 1) or (B, 1, C).

    `static_features` (B, features) are those of each series as a whole.
    """

    loc: Tensor | None = None
    scale: Tensor | None = None
    static_features: Tensor | None = None


@dataclass
class Seq2SeqTSPredictionOutput(ModelOutput):
    """`params`, those of the distribution of each future value, (B, T) or (B, T, C), and their `loss`: where there is a future.

    The rest as in `Seq2SeqTSModelOutput`.
    """

    loss: Tensor | None = None
    params: Tensors | None = None
    past_key_values: Any | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    loc: Tensor | None = None
    scale: Tensor | None = None
    static_features: Tensor | None = None


@dataclass
class SampleTSPredictionOutput(ModelOutput):
    """`sequences` (B, samples, T) or (B, samples, T, C): futures that were drawn."""

    sequences: Tensor = ALWAYS
