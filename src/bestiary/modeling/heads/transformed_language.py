"""The vocabulary head that BERT and many after it publish: a dense layer with a norm before the output layer."""

from typing import Any

import torch
from torch import Tensor, nn

from ...nn.activations import activation
from ..config import PreTrainedConfig
from .headed import Headed


class PredictionHeadTransform(nn.Module):
    """norm(act(dense(x)))."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.act = activation(config.hidden_act)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.LayerNorm(self.act(self.dense(x)))
        return output


class LMPredictionHead(nn.Module):
    """decoder(transform(x)): logits over the vocabulary.

    Files call the bias `predictions.bias`; `decoder.bias` is the same tensor.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.transform = PredictionHeadTransform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.decoder(self.transform(x))
        return output


class TransformedLanguageHead(Headed):
    """The vocabulary head under its published name, `cls.predictions`."""

    def add_head(self, config: PreTrainedConfig) -> None:
        """Build the head."""
        self.cls = nn.ModuleDict({"predictions": LMPredictionHead(config)})

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        output: Tensor = self.cls["predictions"](hidden)
        return output

    def get_output_embeddings(self) -> nn.Module:
        return self.get_submodule("cls.predictions.decoder")

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        return [(self.cls["predictions"], "bias"), (self.get_output_embeddings(), "bias")]
