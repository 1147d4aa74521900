"""The modules of OPT. Parameter names are the published ones."""

from typing import Any, cast

from torch import Tensor, nn

from ...core.outputs import BaseModelOutputWithPast
from ...modeling.base import PreTrainedModel
from ...modeling.decoder_layers import FlatDecoderBlock, SelfAttention
from ...modeling.decoder_stack import DecoderStack
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.attention import LayerCache
from ...nn.embeddings import MaskedPositions
from ...nn.inputs import arguments_of
from ...nn.masks import Mask
from . import OPTConfig

UNUSED_POSITIONS = 2  # the first rows of the table


class OPTAttention(SelfAttention):
    """Causal self-attention."""

    enable_bias = Alias("config.enable_bias")

    def biases(self, config: OPTConfig) -> tuple[bool, bool]:
        return config.enable_bias, config.enable_bias


class OPTDecoderLayer(FlatDecoderBlock):
    """x + attention(norm(x)), then x + fc2(act(fc1(norm(x)))); or norm(x + attention(x)), then norm(x + fc2(act(fc1(x))))."""

    attention_class = OPTAttention
    do_layer_norm_before = Alias("config.do_layer_norm_before")

    def __init__(self, config: OPTConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.norm_first = config.do_layer_norm_before

    def make_norm(self, config: OPTConfig) -> nn.Module:
        return nn.LayerNorm(config.hidden_size, elementwise_affine=config.layer_norm_elementwise_affine)

    def mlp_bias(self, config: OPTConfig) -> bool:
        return config.enable_bias

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        if self.norm_first:
            return super().forward(x, mask, cache, **positions)
        x = self.norm(0)(x + self.attend(x, mask, cache, **positions))
        output: Tensor = self.norm(1)(x + self.transform(x))
        return output


class OPTPreTrainedModel(PreTrainedModel):
    """What all OPT classes share."""

    config_class = OPTConfig
    base_model_prefix = "model"
    stacks = {"": Stack("decoder.layers", final="decoder.project_out")}
    _no_split_modules = ["OPTDecoderLayer"]
    config: OPTConfig


class OPTDecoder(DecoderStack, OPTPreTrainedModel):
    """The decoder, which the published files keep under the name `decoder` of the model."""

    layer_class = OPTDecoderLayer
    stacks = {"": Stack("layers", final="project_out")}
    embedding_name = "embed_tokens"
    zero_padding, packs, padding_apart = True, False, True
    max_target_positions = Alias("config.max_position_embeddings")

    def __init__(self, config: OPTConfig) -> None:
        super().__init__(config)
        self.layerdrop, self.dropout = config.layerdrop, config.dropout

    def make_embedding(self, config: OPTConfig) -> nn.Embedding:
        return nn.Embedding(config.vocab_size, config.word_embed_proj_dim or config.hidden_size, config.padding_row)

    def add_entry(self, config: OPTConfig) -> None:
        size, narrow = config.hidden_size, config.word_embed_proj_dim or config.hidden_size
        self.embed_positions = MaskedPositions(config.max_position_embeddings + UNUSED_POSITIONS, size, first=UNUSED_POSITIONS)
        self.project_out = nn.Identity() if narrow == size else nn.Linear(size, narrow, bias=False)
        self.project_in = nn.Identity() if narrow == size else nn.Linear(narrow, size, bias=False)
        normed = config.do_layer_norm_before and not config._remove_final_layer_norm
        affine = config.layer_norm_elementwise_affine
        self.final_layer_norm = nn.LayerNorm(size, elementwise_affine=affine) if normed else nn.Identity()

    def add_final(self, config: OPTConfig) -> None:
        """Nothing: what is behind the layers comes before them in a checkpoint."""

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        output: Tensor = self.project_in(x) + self.embed_positions(position_ids=position_ids)
        return output

    def finish(self, x: Tensor) -> Tensor:
        output: Tensor = self.project_out(self.final_layer_norm(x))
        return output

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        *,
        inputs_embeds: Tensor | None = None,
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


class OPTModel(OPTPreTrainedModel):
    """OPT without a head."""

    def __init__(self, config: OPTConfig) -> None:
        super().__init__(config)
        self.decoder = OPTDecoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.decoder.get_input_embeddings()

    @arguments_of(OPTDecoder.forward)
    def forward(self, *args: Any, **inputs: Any) -> BaseModelOutputWithPast:
        return cast(BaseModelOutputWithPast, self.decoder(*args, return_dict=True, **inputs))


class OPTForCausalLM(CausalLM, OPTPreTrainedModel):
    """OPT with a language-modelling head."""

    backbone_class = OPTModel
    _tied_weights_keys = {"lm_head.weight": "model.decoder.embed_tokens.weight"}


class OPTForSequenceClassification(LastTokenClassifier, OPTPreTrainedModel):
    """OPT that classifies a text by its last token."""

    backbone_class = OPTModel


class OPTForQuestionAnswering(QuestionAnswering, OPTPreTrainedModel):
    """OPT that marks the answer to a question in the text."""

    backbone_class = OPTModel
