"""The modules of RoBERTa, which are BERT's but for two heads. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...modeling import encoder
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.headed import WithoutPooler
from ...modeling.heads.language import LanguageHead
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import FirstTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...nn.activations import activation
from . import RobertaConfig


class RobertaEmbeddings(encoder.EncoderEmbeddings):
    """norm(word + segment + position)."""


class RobertaLayer(encoder.EncoderLayer):
    """norm(x + attention(x)), perhaps norm(x + attention(x, memory)), then norm(x + mlp(x))."""


class RobertaPreTrainedModel(encoder.EncoderPreTrainedModel):
    """What all RoBERTa classes share."""

    config_class = RobertaConfig
    base_model_prefix = "roberta"
    _no_split_modules = ["RobertaEmbeddings", "RobertaLayer"]


class RobertaModel(RobertaPreTrainedModel, encoder.Encoder):
    """The encoder (or, with `config.is_decoder`, decoder) without a head."""

    embeddings_class, layer_class = RobertaEmbeddings, RobertaLayer


class RobertaLMHead(nn.Module):
    """decoder(norm(gelu(dense(x)))): logits over the vocabulary. `decoder.bias` is the same tensor as `bias`."""

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


class RobertaHeaded(WithoutPooler, RobertaPreTrainedModel):
    """A head that needs no pooled state."""

    backbone_class = RobertaModel


class RobertaLanguageHead(LanguageHead, RobertaHeaded):
    """The vocabulary head under its published name, `lm_head`."""

    _tied_weights_keys = {
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }

    def add_head(self, config: PreTrainedConfig) -> None:
        self.lm_head = RobertaLMHead(config)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.lm_head(hidden)
        return output

    def get_output_embeddings(self) -> nn.Module:
        return self.get_submodule("lm_head.decoder")

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        return [(self.lm_head, "bias"), (self.get_output_embeddings(), "bias")]


class RobertaForMaskedLM(MaskedLM, RobertaLanguageHead):
    """RoBERTa that fills in masked tokens."""


class RobertaForCausalLM(CausalLM, RobertaLanguageHead):
    """RoBERTa as a decoder that continues a text (`config.is_decoder`)."""


class RobertaForSequenceClassification(FirstTokenClassifier, RobertaHeaded):
    """RoBERTa that classifies a text or a pair of texts."""


class RobertaForTokenClassification(TokenClassifier, RobertaHeaded):
    """RoBERTa that labels each token."""


class RobertaForQuestionAnswering(QuestionAnswering, RobertaHeaded):
    """RoBERTa that marks the answer to a question in a text."""


class RobertaForMultipleChoice(MultipleChoice, RobertaPreTrainedModel):
    """RoBERTa that chooses among several continuations."""

    backbone_class = RobertaModel
