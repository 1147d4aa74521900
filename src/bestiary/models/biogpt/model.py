"""The modules of BioGPT. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import dropout

from ...core.outputs import BaseModelOutputWithPast, TokenClassifierOutput
from ...modeling.base import PreTrainedModel
from ...modeling.decoder_layers import FlatDecoderBlock, SelfAttention
from ...modeling.decoder_stack import DecoderStack
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.embeddings import MaskedPositions
from ...nn.losses import IGNORE
from . import BioGptConfig

UNUSED_POSITIONS = 2  # the first rows of the table


class BioGptDecoderLayer(FlatDecoderBlock):
    """x + attention(norm(x)), then x + fc2(act(fc1(norm(x))))."""

    attention_class = SelfAttention
    embed_dim = Alias("self_attn.embed_dim")

    def make_norm(self, config: BioGptConfig) -> nn.Module:
        return nn.LayerNorm(config.hidden_size)


class BioGptPreTrainedModel(PreTrainedModel):
    """What all BioGPT classes share."""

    config_class = BioGptConfig
    base_model_prefix = "biogpt"
    stacks = {"": Stack("layers", final="layer_norm")}
    _no_split_modules = ["BioGptDecoderLayer"]
    config: BioGptConfig


class BioGptModel(DecoderStack, BioGptPreTrainedModel):
    """The decoder without a head."""

    layer_class = BioGptDecoderLayer
    embedding_name, zero_padding, packs = "embed_tokens", True, False
    embed_dim = Alias("config.hidden_size")

    def __init__(self, config: BioGptConfig) -> None:
        super().__init__(config)
        self.layerdrop, self.dropout = config.layerdrop, config.hidden_dropout_prob

    def embedding_scale(self, config: BioGptConfig) -> float:
        return config.hidden_size**0.5 if config.scale_embedding else 1.0

    def add_entry(self, config: BioGptConfig) -> None:
        rows = config.max_position_embeddings + UNUSED_POSITIONS
        self.embed_positions = MaskedPositions(rows, config.hidden_size, first=UNUSED_POSITIONS)

    def make_norm(self, config: BioGptConfig) -> nn.Module:
        return nn.LayerNorm(config.hidden_size)

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        return dropout(x + self.embed_positions(position_ids=position_ids), self.dropout, self.training)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        position_ids: Tensor | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T)."""
        return self.decode(
            input_ids,
            attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
        )


class BioGptForCausalLM(CausalLM, BioGptPreTrainedModel):
    """BioGPT with a language-modelling head."""

    backbone_class = BioGptModel
    head_name = "output_projection"
    _tied_weights_keys = {"output_projection.weight": "biogpt.embed_tokens.weight"}


class BioGptForTokenClassification(TokenClassifier, BioGptPreTrainedModel):
    """BioGPT that labels each token."""

    backbone_class = BioGptModel

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> TokenClassifierOutput:
        """labels: (B, T); those of padding count for nothing."""
        if labels is not None and attention_mask is not None and attention_mask.shape == labels.shape:
            labels = labels.masked_fill(attention_mask == 0, IGNORE)
        return super().forward(input_ids, attention_mask, labels=labels, **inputs)


class BioGptForSequenceClassification(LastTokenClassifier, BioGptPreTrainedModel):
    """BioGPT that classifies a text by its last token."""

    backbone_class = BioGptModel
