"""The modules of BART. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...loading.rules import rename
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.question_answering import Seq2SeqQuestionAnswering
from ...modeling.heads.seq2seq import DecoderLM, Seq2SeqLM
from ...modeling.heads.sequence_classification import EndTokenClassifier
from ...modeling.recording import Stack
from ...modeling.seq2seq import (
    DecoderWrapper,
    Half,
    Seq2SeqHeaded,
    Seq2SeqPreTrainedModel,
    TextDecoder,
    TextEncoder,
    TextSeq2SeqModel,
)
from ...modeling.seq2seq_layers import Seq2SeqLayer, layers_of
from ...nn.alias import Alias
from ...nn.embeddings import BatchPositions, ScaledEmbedding
from ...nn.init import constant
from . import BartConfig


class BartEncoderLayer(Seq2SeqLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""


class BartDecoderLayer(Seq2SeqLayer):
    """The same with attention to the encoder's output in between."""

    is_decoder = True


class BartPreTrainedModel(Seq2SeqPreTrainedModel):
    """What all BART classes share. Class attribute `scales_words`: whether `scale_embedding` of the config has an effect."""

    scales_words: ClassVar[bool] = True
    config_class = BartConfig
    base_model_prefix = "model"
    stacks = {"encoder_": Stack("encoder.layers"), "decoder_": Stack("decoder.layers")}
    _no_split_modules = ["BartEncoderLayer", "BartDecoderLayer"]
    _keys_to_ignore_on_load_unexpected = [r"(encoder|decoder)\.version$", r"embed_positions\.weights$"]
    config: Any

    def word_table(self, config: PreTrainedConfig) -> nn.Embedding:
        sizes = config.get("vocab_size"), config.get("d_model"), config.padding_row
        return (
            ScaledEmbedding(*sizes, scale=config.get("d_model") ** 0.5)
            if self.scales_words and config.get("scale_embedding")
            else nn.Embedding(*sizes)
        )


class BartHalf(Half, BartPreTrainedModel):
    """What encoder and decoder share: words and positions, normed, then layers. A norm behind them, if `stacks` names it.

    Class attributes, for relatives:
        positions_class: the positions. positions_field: the field of the config that says how many there are.
        first_row: the row of the first one in their table.
        norms_input: whether there is a norm before the layers.
    """

    stacks = {"": Stack("layers")}
    max_source_positions = max_target_positions = Alias("config.max_position_embeddings")
    padding_idx = Alias("config.padding_row")
    layer_class: type[Seq2SeqLayer]
    positions_class: ClassVar[type[nn.Module]] = BatchPositions
    positions_field: ClassVar[str] = "max_position_embeddings"
    first_row: int = 2
    norms_input: ClassVar[bool] = True

    def __init__(self, config: BartConfig) -> None:
        super().__init__(config)
        self.embed_tokens = self.word_table(self.text_config())
        rows = config.get(self.positions_field) + self.first_row
        self.embed_positions = self.positions_class(rows, config.d_model, first=self.first_row)
        self.layers = layers_of(config, self.layer_class)
        self.layerdrop = config.decoder_layerdrop if self.layer_class.is_decoder else config.encoder_layerdrop
        if self.norms_input:
            self.layernorm_embedding = nn.LayerNorm(config.d_model)
        if (final := self.stacks[""].final) is not None:
            self.add_module(final, nn.LayerNorm(config.d_model))
        self.dropout = config.dropout

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_tokens

    def embed(self, words: Tensor, position_ids: Tensor) -> Tensor:
        x = words + self.embed_positions(position_ids=position_ids).to(words.dtype)
        x = self.layernorm_embedding(x) if self.norms_input else x
        return nn.functional.dropout(x, self.dropout, self.training)

    def finish(self, x: Tensor) -> Tensor:
        final = self.stacks[""].final
        output: Tensor = x if final is None else self.get_submodule(final)(x)
        return output


class BartEncoder(BartHalf, TextEncoder):
    """The encoder."""

    layer_class = BartEncoderLayer


class BartDecoder(BartHalf, TextDecoder):
    """The decoder."""

    layer_class = BartDecoderLayer


class BartModel(TextSeq2SeqModel, BartPreTrainedModel):
    """Encoder and decoder without a head; a decoder without an input reads the encoder's text."""

    encoder_class, decoder_class = BartEncoder, BartDecoder
    decoder_repeats_text = True


class BartHeaded(Seq2SeqHeaded, BartPreTrainedModel):
    """BART under its published name, with a head."""

    backbone_class = BartModel
    _tied_weights_keys = {f"model.{copy}": f"model.{table}" for copy, table in BartModel._tied_weights_keys.items()}


class BartForConditionalGeneration(Seq2SeqLM, BartHeaded):
    """BART with a language-modelling head, whose logits have a bias (1, V) that is stored, and not trained.

    Class attributes:
        biases_logits: whether they have, in relatives.
    """

    biases_logits: ClassVar[bool] = True
    _tied_weights_keys = {**BartHeaded._tied_weights_keys, "lm_head.weight": "model.shared.weight"}
    starts = {"final_logits_bias": constant(0.0)}
    final_logits_bias: Tensor | None
    lm_head: nn.Linear

    def add_head(self, config: PreTrainedConfig) -> None:
        super().add_head(config)
        bias = torch.zeros(1, self.lm_head.out_features) if self.biases_logits else None
        self.register_buffer("final_logits_bias", bias)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        logits = super().vocabulary_logits(hidden)
        return logits if self.final_logits_bias is None else logits + self.final_logits_bias

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        return [(self, "final_logits_bias")] if self.biases_logits else []


class BartForSequenceClassification(EndTokenClassifier, BartHeaded):
    """BART that classifies a text by the decoder's state at its last end-of-sequence token."""


class BartForQuestionAnswering(Seq2SeqQuestionAnswering, BartHeaded):
    """BART that marks the answer to a question by the decoder's states over the same text."""


class BartDecoderWrapper(DecoderWrapper, BartPreTrainedModel):
    """Gives the decoder the place in the tree that it has in the full model."""

    decoder_class = BartDecoder


class BartForCausalLM(DecoderLM, BartPreTrainedModel):
    """The decoder alone with a language-modelling head."""

    backbone_class = BartDecoderWrapper
    stacks = {"": Stack("decoder.layers")}
    alone = {"is_encoder_decoder": False, "is_decoder": True}
    _tied_weights_keys = {"lm_head.weight": "model.decoder.embed_tokens.weight"}
    _weight_rules = (rename("shared.weight", "decoder.embed_tokens.weight", reverse=False),)
    _keys_to_ignore_on_load_unexpected = [
        *BartPreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"^(model\.)?(encoder\.|shared\.)",
        r"^final_logits_bias$",
    ]


BartPretrainedModel = PretrainedBartModel = BartPreTrainedModel  # older spellings
