"""The modules of T5. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...cache.encoder_decoder import EncoderDecoderCache
from ...core.outputs import (
    BaseModelOutput,
    BaseModelOutputWithPast,
    Seq2SeqLMOutput,
    Seq2SeqModelOutput,
)
from ...modeling.base import PreTrainedModel
from ...modeling.heads.seq2seq import Seq2SeqLM, encoder_fields, encoder_output, shift_right
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.attention import Attend, cached, merge_heads, split_heads
from ...nn.init import Starting, normal, start_usually
from ...nn.inputs import one_of
from ...nn.layer import Layer, within_half
from ...nn.masks import Mask, make_mask
from ...nn.norm import RMSNorm
from ...nn.relative import bucket, distances, per_pair
from . import T5Config


class T5LayerNorm(RMSNorm):
    """An RMS norm whose result has the dtype of its weight: behind an MLP kept in fp32, states are fp32 in a 16-bit model."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).to(self.weight.dtype)


class T5DenseActDense(nn.Module):
    """wo(act(wi(x)))."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.wi = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)
        self.dropout = nn.Dropout(config.dropout_rate)
        self.act = activation(config.dense_act_fn or "")

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.act(self.wi(x)))

    def out(self, x: Tensor) -> Tensor:
        """wo(dropout(x)), in fp32 where `wo` is kept so, because its sums overflow fp16."""
        x = self.dropout(x)
        return self.wo(x.float() if self.wo.weight.dtype == torch.float32 else x)


class T5DenseGatedActDense(T5DenseActDense):
    """wo(act(wi_0(x)) * wi_1(x)) (Shazeer 2020)."""

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        del self.wi
        self.wi_0 = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.wi_1 = nn.Linear(config.d_model, config.d_ff, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.act(self.wi_0(x)) * self.wi_1(x))


class T5Attention(Starting):
    """Self-attention without scaling; with `has_bias` it owns the table of distances that all layers of the stack use."""

    def __init__(self, config: T5Config, layer_idx: int, has_bias: bool = False, cross: bool = False) -> None:
        super().__init__()
        inner = config.num_heads * config.d_kv
        self.layer_idx, self.head_dim = layer_idx, config.d_kv
        self.q = nn.Linear(config.d_model, inner, bias=False)
        self.k = nn.Linear(config.d_model, inner, bias=False)
        self.v = nn.Linear(config.d_model, inner, bias=False)
        self.o = nn.Linear(inner, config.d_model, bias=False)
        # Queries start smaller, in place of a scaling of the scores.
        self.starts = {"q.weight": normal(config.initializer_factor * (config.d_model * config.d_kv) ** -0.5)}
        if has_bias:
            self.relative_attention_bias = nn.Embedding(config.relative_attention_num_buckets, config.num_heads)
            self.starts["relative_attention_bias.weight"] = normal(config.initializer_factor * config.d_model**-0.5)
        self.attend = Attend(1.0, config.dropout_rate, cross=cross)

    def forward(self, x: Tensor, mask: Mask, bias: Tensor, cache: EncoderDecoderCache | None) -> Tensor:
        key, value = cached(self.keys_values, x, None, cache, self.layer_idx)
        return self.o(merge_heads(self.attend(split_heads(self.q(x), self.head_dim), key, value, mask, bias)))

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> (B, H, S, K) twice."""
        return split_heads(self.k(x), self.head_dim), split_heads(self.v(x), self.head_dim)


class T5CrossAttention(T5Attention):
    """Attention of the decoder to the encoder's output; it has no bias."""

    def forward(self, x: Tensor, memory: Tensor, mask: Mask, cache: EncoderDecoderCache | None) -> Tensor:  # type: ignore[override]
        key, value = cached(self.keys_values, x, memory, cache, self.layer_idx)
        return self.o(merge_heads(self.attend(split_heads(self.q(x), self.head_dim), key, value, mask)))


class T5LayerSelfAttention(nn.Module):
    """x + attention(norm(x))."""

    def __init__(self, config: T5Config, layer_idx: int) -> None:
        super().__init__()
        self.SelfAttention = T5Attention(config, layer_idx, has_bias=layer_idx == 0)
        self.layer_norm = T5LayerNorm(config.d_model, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.dropout_rate)

    def forward(self, x: Tensor, mask: Mask, bias: Tensor, cache: EncoderDecoderCache | None) -> Tensor:
        return within_half(x + self.dropout(self.SelfAttention(self.layer_norm(x), mask, bias, cache)))


class T5LayerCrossAttention(nn.Module):
    """x + attention(norm(x), encoder's output)."""

    def __init__(self, config: T5Config, layer_idx: int) -> None:
        super().__init__()
        self.EncDecAttention = T5CrossAttention(config, layer_idx, cross=True)
        self.layer_norm = T5LayerNorm(config.d_model, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.dropout_rate)

    def forward(self, x: Tensor, memory: Tensor, mask: Mask, cache: EncoderDecoderCache | None) -> Tensor:
        return within_half(x + self.dropout(self.EncDecAttention(self.layer_norm(x), memory, mask, cache)))


class T5LayerFF(nn.Module):
    """x + mlp(norm(x))."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.DenseReluDense = T5DenseGatedActDense(config) if config.is_gated_act else T5DenseActDense(config)
        self.layer_norm = T5LayerNorm(config.d_model, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        return within_half(x + self.dropout(self.DenseReluDense(self.layer_norm(x))))


class T5Block(Layer):
    """Self-attention, in a decoder attention to the encoder, and an MLP, under the published name `layer`."""

    def __init__(self, config: T5Config, layer_idx: int, is_decoder: bool) -> None:
        super().__init__()
        cross = [T5LayerCrossAttention(config, layer_idx)] if is_decoder else []
        self.layer = nn.ModuleList([T5LayerSelfAttention(config, layer_idx), *cross, T5LayerFF(config)])

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        bias: Tensor,
        memory: Tensor | None,
        memory_mask: Mask | None,
        cache: EncoderDecoderCache | None,
    ) -> Tensor:
        x = self.layer[0](x, mask, bias, cache)
        if memory is not None:
            x = self.layer[1](x, memory, memory_mask, cache)
        return self.layer[-1](x)


class T5PreTrainedModel(PreTrainedModel):
    """What all T5 classes share."""

    config_class = T5Config
    base_model_prefix = "transformer"
    stacks = {"encoder_": Stack("encoder.block", "encoder.dropout"), "decoder_": Stack("decoder.block", "decoder.dropout")}
    head_weights = HeadWeights(tuple(f"layer.0.SelfAttention.{name}" for name in "qkv"), "layer.0.SelfAttention.o")
    kernels: ClassVar[tuple[str, ...]] = ("sdpa", "eager", "flex_attention")
    kind_starts = {
        nn.Linear: lambda dense, config: start_usually(dense, config.initializer_factor * dense.in_features**-0.5),
        nn.Embedding: lambda table, config: start_usually(table, config.initializer_factor),
    }
    _no_split_modules = ["T5Block"]
    _keep_in_fp32_modules = ["wo"]
    _keys_to_ignore_on_load_unexpected = [r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$"]
    config: T5Config

    def tied_weights(self) -> dict[str, str]:
        """Both stacks always share one embedding; the output layer joins them where the config ties words."""
        tied = {**super().tied_weights(), **self._tied_weights_keys}
        if not self.config.tie_word_embeddings:
            tied.pop("lm_head.weight", None)
        return tied

    def decoder_start(self) -> int | None:
        """The token every decoder input starts with: the config's, else the padding token, as in the paper."""
        start = self.config.decoder_start_token_id
        return self.config.pad_token_id if start is None else start

    def same_text(self, ids: Tensor, mask: Tensor | None, decoder_mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The encoder's text as the decoder's input (B, T) and its mask: padding before a text is hidden, after it need not."""
        shifted = shift_right(ids, self.decoder_start(), self.config.pad_token_id, mask)
        if decoder_mask is None and mask is not None:
            decoder_mask = mask.cumsum(1) > 0
        return shifted, decoder_mask


class T5Stack(T5PreTrainedModel):
    """The encoder or the decoder."""

    stacks = {"": Stack("block", "dropout")}

    def __init__(self, config: T5Config, is_decoder: bool = False) -> None:
        super().__init__(config)
        self.is_decoder = is_decoder
        layers = (config.num_decoder_layers or 0) if is_decoder else config.num_layers
        self.embed_tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.block = nn.ModuleList(T5Block(config, i, is_decoder) for i in range(layers))
        self.final_layer_norm = T5LayerNorm(config.d_model, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.dropout_rate)

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_tokens

    def check_padding(self, ids: Tensor) -> None:
        """In the encoder alone: a decoder's first token is the padding token."""
        if not self.is_decoder:
            super().check_padding(ids)

    def bias(self, mask: Mask) -> Tensor:
        """The bias (1, H, T, S) of every query and key by their distance. Padding shifts both, so it changes nothing."""
        buckets, limit = self.config.relative_attention_num_buckets, self.config.relative_attention_max_distance
        table = self.block[0].get_submodule("layer.0.SelfAttention.relative_attention_bias")
        return per_pair(table(bucket(distances(mask), buckets, limit, both_ways=not self.is_decoder)), mask)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T); in the decoder the encoder's output
        (B, S, D) and its mask (B, S)."""
        one_of(input_ids, inputs_embeds, "decoder_" if self.is_decoder else "")
        x = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        cache = EncoderDecoderCache.around(self.start_cache(past_key_values, use_cache)) if self.is_decoder else None
        mask = make_mask(x.shape[1], x.device, attention_mask, cache=cache, causal=self.is_decoder)
        memory, memory_mask = encoder_hidden_states, None
        if memory is not None:
            memory_mask = make_mask(x.shape[1], x.device, encoder_attention_mask, causal=False, keys=memory.shape[1])
        x, bias = self.dropout(x), self.bias(mask)
        for block in self.block:
            x = block(x, mask, bias, memory, memory_mask, cache)
        return BaseModelOutputWithPast(self.dropout(self.final_layer_norm(x)), past_key_values=cache)


class T5Model(T5PreTrainedModel):
    """Encoder and decoder without a head."""

    _tied_weights_keys = {
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    }
    _keys_to_ignore_on_load_unexpected = [*T5PreTrainedModel._keys_to_ignore_on_load_unexpected, r"^lm_head\."]

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = T5Stack(config)
        self.decoder = T5Stack(config, is_decoder=True)

    def get_input_embeddings(self) -> nn.Module:
        return self.shared

    def get_encoder(self) -> T5Stack:
        """The encoder, a model of its own."""
        return self.encoder

    def get_decoder(self) -> T5Stack:
        """The decoder, a model of its own."""
        return self.decoder

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> Seq2SeqModelOutput:
        """Args:
        input_ids, attention_mask: the encoder's, (B, S). encoder_outputs: its output of an earlier call instead.
        decoder_input_ids: (B, T). decoder_attention_mask: (B, past + T).
        """
        if encoder_outputs is None:
            one_of(input_ids, inputs_embeds)
            encoder_outputs = self.encoder(input_ids, attention_mask, inputs_embeds=inputs_embeds, return_dict=True)
        encoded = encoder_output(encoder_outputs)
        decoded = self.decoder(
            decoder_input_ids,
            decoder_attention_mask,
            inputs_embeds=decoder_inputs_embeds,
            encoder_hidden_states=encoded.last_hidden_state,
            encoder_attention_mask=attention_mask,
            past_key_values=past_key_values,
            use_cache=use_cache,
            return_dict=True,
        )
        return Seq2SeqModelOutput(decoded.last_hidden_state, decoded.past_key_values, **encoder_fields(encoded))


class T5ForConditionalGeneration(Seq2SeqLM, T5Model):
    """T5 with a language-modelling head."""

    _tied_weights_keys = {**T5Model._tied_weights_keys, "lm_head.weight": "shared.weight"}
    _keys_to_ignore_on_load_unexpected = T5PreTrainedModel._keys_to_ignore_on_load_unexpected

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.starts = {"lm_head.weight": normal(config.initializer_factor)}

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **inputs: Any,
    ) -> Seq2SeqLMOutput:
        """Args:
        labels: (B, T), -100 is ignored; the decoder's input is made from them where it is not given.
        num_items_in_batch: labels in all micro-batches of a step, to divide the summed loss by.
        """
        decoder_input_ids = self.decoder_input(decoder_input_ids, labels, inputs)
        output = super().forward(input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, **inputs)
        states = output.last_hidden_state
        if self.config.scale_decoder_outputs:
            states = states * self.config.d_model**-0.5
        return self.written(self.lm_head(states), labels, num_items_in_batch, output)


class T5EncoderModel(T5PreTrainedModel):
    """The encoder alone."""

    stacks = {"": Stack("encoder.block", "encoder.dropout")}
    _tied_weights_keys = {"encoder.embed_tokens.weight": "shared.weight"}
    _keys_to_ignore_on_load_unexpected = [r"^decoder\.", r"^lm_head\."]

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = T5Stack(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.shared

    def get_encoder(self) -> T5Stack:
        """The encoder."""
        return self.encoder

    def forward(
        self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, *, inputs_embeds: Tensor | None = None
    ) -> BaseModelOutput:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T)."""
        encoded = self.encoder(input_ids, attention_mask, inputs_embeds=inputs_embeds, return_dict=True)
        return BaseModelOutput(encoded.last_hidden_state)
