"""What of EuroBERT is not Llama: it looks both ways, and has other heads. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...core.outputs import BaseModelOutput
from ...modeling.config import PreTrainedConfig
from ...modeling.decoder import RotaryDecoder
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.sequence_classification import VectorClassifier
from ...nn.activations import activation
from ...nn.inputs import warn_of_hidden_rows
from ...nn.pooling import first_state, mean_state
from ..llama.model import LlamaDecoderLayer, LlamaPreTrainedModel


class EuroBertModel(RotaryDecoder, LlamaPreTrainedModel):
    """The encoder without a head."""

    layer_class, both_ways, packs = LlamaDecoderLayer, True, False

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        warn_of_hidden_rows(attention_mask)
        output = self.decode(input_ids, attention_mask, position_ids=position_ids, inputs_embeds=inputs_embeds, use_cache=False)
        return BaseModelOutput(last_hidden_state=output.last_hidden_state)


class EuroBertForMaskedLM(MaskedLM, LlamaPreTrainedModel):
    """EuroBERT that fills in masked tokens."""

    backbone_class = EuroBertModel
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}


class EuroBertForSequenceClassification(VectorClassifier, LlamaPreTrainedModel):
    """EuroBERT that classifies a text or a pair of texts, pooled as `config.classifier_pooling` says."""

    backbone_class = EuroBertModel

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.classifier_pooling, size = config.get("classifier_pooling"), config.get("hidden_size")
        self.dense, self.activation = nn.Linear(size, size), activation("gelu")
        self.classifier = nn.Linear(size, config.num_labels)

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        states = output.last_hidden_state
        if self.classifier_pooling != "late":
            states = (first_state if self.classifier_pooling == "bos" else mean_state)(states, real)
        logits: Tensor = self.classifier(self.activation(self.dense(states)))
        return mean_state(logits, real) if self.classifier_pooling == "late" else logits
