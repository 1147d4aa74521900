"""What LED has besides BART's modules; its attention is that of `modeling/local_attention.py`."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...core import outputs
from ...core.outputs import Tensors
from ...modeling.local_attention import LocalMask, LocalSelfAttention, local_mask, windows_of
from ...nn.alias import Alias
from ...nn.inputs import one_of, warn_of_hidden_rows
from ...nn.masks import decoder_positions
from ..bart.model import BartDecoder, BartEncoder, BartEncoderLayer, BartModel


@dataclass
class LEDEncoderBaseModelOutput(outputs.BaseModelOutput):
    """`attentions` L of (B, H, T, G + window + 1): to the G global tokens, then to neighbours; `global_attentions` L of
    (B, H, S, G): of global tokens to all S slots of the text, filled up to whole windows."""

    global_attentions: Tensors | None = None


@dataclass
class LEDSeq2SeqModelOutput(outputs.Seq2SeqModelOutput):
    """The decoder's states, then the encoder's, with its `global_attentions`."""

    encoder_global_attentions: Tensors | None = None


@dataclass
class LEDSeq2SeqLMOutput(outputs.Seq2SeqLMOutput):
    """`logits` (B, T, V)."""

    encoder_global_attentions: Tensors | None = None


@dataclass
class LEDSeq2SeqQuestionAnsweringModelOutput(outputs.Seq2SeqQuestionAnsweringModelOutput):
    """`start_logits` and `end_logits` (B, T) of the answer span."""

    encoder_global_attentions: Tensors | None = None


class LEDEncoderAttention(nn.Module):
    """output(attention(x)), to neighbours and to global tokens."""

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        size, window = config.d_model, windows_of(config)[layer_idx]
        heads, dropout = config.encoder_attention_heads, config.attention_dropout
        self.longformer_self_attn = LocalSelfAttention(size, heads, window, dropout)
        self.output = nn.Linear(size, size)

    def forward(self, x: Tensor, mask: LocalMask, cache: Any = None, **context: Any) -> Tensor:
        output: Tensor = self.output(self.longformer_self_attn(x, mask))
        return output


class LEDEncoderLayer(BartEncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.add_module("self_attn", LEDEncoderAttention(config, layer_idx))


class LEDEncoder(BartEncoder):
    """The encoder. Its config then has the windows of all layers, as published."""

    positions_field = "max_encoder_position_embeddings"
    max_source_positions = Alias("config.max_encoder_position_embeddings")

    def __init__(self, config: Any) -> None:
        config.attention_window = windows_of(config)
        super().__init__(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        global_attention_mask: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
    ) -> LEDEncoderBaseModelOutput:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding; global_attention_mask (B, T), 1
        for tokens that see all and are seen by all."""
        one_of(input_ids, inputs_embeds)
        warn_of_hidden_rows(attention_mask)
        words = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        mask = local_mask(words, attention_mask, global_attention_mask, windows_of(self.config))
        x = self.embed(words, decoder_positions(words, attention_mask, None, None))
        return LEDEncoderBaseModelOutput(self.finish(self.through_layers(x, mask)))


class LEDDecoder(BartDecoder):
    """The decoder."""

    positions_field = "max_decoder_position_embeddings"
    max_target_positions = Alias("config.max_decoder_position_embeddings")


class LEDModel(BartModel):
    """Encoder and decoder without a head; a decoder without an input reads the encoder's text."""

    states_class = LEDSeq2SeqModelOutput

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        global_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> Any:
        """The same as BART's, and global_attention_mask (B, S), 1 for tokens that see all of the text and are seen by all."""
        if encoder_outputs is None and (input_ids is None) != (inputs_embeds is None):
            encoder_outputs = self.encoder(
                input_ids, attention_mask, global_attention_mask, inputs_embeds=inputs_embeds, return_dict=True
            )
        return super().forward(
            input_ids,
            attention_mask,
            decoder_input_ids,
            decoder_attention_mask,
            encoder_outputs=encoder_outputs,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            decoder_inputs_embeds=decoder_inputs_embeds,
            use_cache=use_cache,
        )
