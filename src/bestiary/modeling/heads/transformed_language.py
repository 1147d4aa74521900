"""The vocabulary heads that BERT, RoBERTa and many after them publish: a dense layer with a norm before the output layer."""

from typing import Any

import torch
from torch import Tensor, nn

from ...nn.activations import activation
from ..config import PreTrainedConfig
from .headed import Headed
from .language import LanguageHead


class PredictionHeadTransform(nn.Module):
    """norm(act(dense(x))), as wide as the embeddings."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        size = config.declared("embedding_size", config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, size)
        self.act = activation(config.hidden_act)
        self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps)

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
        self.decoder = nn.Linear(config.declared("embedding_size", config.hidden_size), config.vocab_size)
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


class DenseLMHead(nn.Module):
    """decoder(norm(gelu(dense(x)))): logits over the vocabulary, as RoBERTa has it.

    `decoder.bias` is the same tensor as `bias`.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.act = activation("gelu")
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        output: Tensor = self.decoder(self.layer_norm(self.act(self.dense(x))))
        return output


class DenseLanguageHead(LanguageHead):
    """That vocabulary head under its published name, `lm_head`."""

    def add_head(self, config: PreTrainedConfig) -> None:
        self.lm_head = DenseLMHead(config)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.lm_head(hidden)
        return output

    def get_output_embeddings(self) -> nn.Module:
        return self.get_submodule("lm_head.decoder")

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        return [(self.lm_head, "bias"), (self.get_output_embeddings(), "bias")]
