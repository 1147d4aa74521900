"""The vocabulary heads that BERT, RoBERTa and many after them publish: a dense layer with a norm before the output layer."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...nn.activations import activation
from ..config import PreTrainedConfig
from .headed import Headed
from .language import LanguageHead


class PredictionHeadTransform(nn.Module):
    """norm(act(dense(x))), as wide as the embeddings.

    Class attributes:
        norm_name: what files call the norm. narrows: False where it is as wide as the states.
    """

    norm_name: ClassVar[str] = "LayerNorm"
    narrows: ClassVar[bool] = True

    def __init__(self, config: Any) -> None:
        super().__init__()
        size = config.declared("embedding_size", config.hidden_size) if self.narrows else config.hidden_size
        self.dense = nn.Linear(config.hidden_size, size)
        self.transform_act_fn = activation(config.hidden_act)
        self.add_module(self.norm_name, nn.LayerNorm(size, config.layer_norm_eps))

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.get_submodule(self.norm_name)(self.transform_act_fn(self.dense(hidden_states)))
        return output


class LMPredictionHead(nn.Module):
    """decoder(transform(x)): logits over the vocabulary.

    Files call the bias `predictions.bias`; `decoder.bias` is the same tensor.

    Class attributes:
        transform_class: what stands before the output layer, built from the config.
    """

    transform_class: ClassVar[type[nn.Module]] = PredictionHeadTransform

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.transform = self.transform_class(config)
        self.decoder = nn.Linear(config.declared("embedding_size", config.hidden_size), config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.decoder(self.transform(hidden_states))
        return output


class PredictionsHead(nn.ModuleDict):
    """The vocabulary head as `predictions`: states (..., D) to logits (..., V)."""

    def __init__(self, config: Any, predictions_class: Callable[[Any], nn.Module] = LMPredictionHead) -> None:
        super().__init__({"predictions": predictions_class(config)})

    def forward(self, sequence_output: Tensor) -> Tensor:
        output: Tensor = self["predictions"](sequence_output)
        return output


class TransformedLanguageHead(Headed):
    """The vocabulary head under its published name, `cls.predictions`.

    Class attributes:
        predictions_class: the head, built from the config.
    """

    predictions_class: ClassVar[type[nn.Module]] = LMPredictionHead

    def add_head(self, config: PreTrainedConfig) -> None:
        """Build the head."""
        self.cls = PredictionsHead(config, self.predictions_class)

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

    Class attributes:
        shows_bias: whether files hold the bias of the decoder under a second name, `bias`.
    """

    shows_bias: ClassVar[bool] = True

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.act = activation("gelu")
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size)) if self.shows_bias else None

    def forward(self, features: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        output: Tensor = self.decoder(self.layer_norm(self.act(self.dense(features))))
        return output


class DenseLanguageHead(LanguageHead):
    """That vocabulary head under its published name, `lm_head`.

    Class attributes:
        lm_head_class: the head, built from the config.
    """

    lm_head_class: ClassVar[type[DenseLMHead]] = DenseLMHead

    def add_head(self, config: PreTrainedConfig) -> None:
        self.lm_head = self.lm_head_class(config)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.lm_head(hidden)
        return output

    def get_output_embeddings(self) -> nn.Module:
        return self.get_submodule("lm_head.decoder")

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        decoder = (self.get_output_embeddings(), "bias")
        return [decoder] if self.lm_head.bias is None else [(self.lm_head, "bias"), decoder]
