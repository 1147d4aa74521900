"""Outputs of models whose hidden states are told twice: as tokens, and as feature maps."""

from dataclasses import dataclass

from torch import Tensor

from ..core.outputs import ALWAYS, ModelOutput, Tensors


@dataclass
class MapsModelOutput(ModelOutput):
    """`BaseModelOutputWithPooling` with `reshaped_hidden_states`, the hidden states as maps (B, C, Y, X)."""

    last_hidden_state: Tensor = ALWAYS
    pooler_output: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    reshaped_hidden_states: Tensors | None = None


@dataclass
class MapsClassifierOutput(ModelOutput):
    """`ImageClassifierOutput` with `reshaped_hidden_states`."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    reshaped_hidden_states: Tensors | None = None


@dataclass
class MapsImageModelingOutput(ModelOutput):
    """`MaskedImageModelingOutput` with `reshaped_hidden_states`."""

    loss: Tensor | None = None
    reconstruction: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    reshaped_hidden_states: Tensors | None = None
