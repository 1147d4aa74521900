"""The modules of Whisper. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...cache.encoder_decoder import EncoderDecoderCache
from ...core.errors import InputError
from ...core.outputs import (
    BaseModelOutput,
    BaseModelOutputWithPast,
    Seq2SeqLMOutput,
    Seq2SeqModelOutput,
)
from ...modeling.base import PreTrainedModel
from ...modeling.heads.headed import Headed
from ...modeling.heads.seq2seq import Seq2SeqLM, encoder_fields, encoder_output
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.attention import Attend, cached, merge_heads, split_heads
from ...nn.embeddings import LearnedPositions, sinusoids
from ...nn.init import Starting
from ...nn.inputs import one_of
from ...nn.kernels import default_scaling
from ...nn.layer import Layer, within_half
from ...nn.masks import Mask, decoder_frame, make_mask
from ...nn.spec_augment import random_spans
from . import WhisperConfig
from .generation import WhisperGeneration


class WhisperAttention(nn.Module):
    """Attention of states to themselves, or, as cross-attention, to the encoder's output (`memory`). Keys have no bias."""

    def __init__(self, config: WhisperConfig, heads: int, layer_idx: int = 0, cross: bool = False) -> None:
        super().__init__()
        size = config.d_model
        self.layer_idx, self.head_dim = layer_idx, size // heads
        self.k_proj = nn.Linear(size, size, bias=False)
        self.v_proj = nn.Linear(size, size)
        self.q_proj = nn.Linear(size, size)
        self.out_proj = nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout, cross=cross)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, S, K) of states (B, S, D)."""
        return split_heads(self.k_proj(x), self.head_dim), split_heads(self.v_proj(x), self.head_dim)

    def forward(self, x: Tensor, mask: Mask, cache: EncoderDecoderCache | None = None, memory: Tensor | None = None) -> Tensor:
        key, value = cached(self.keys_values, x, memory, cache, self.layer_idx)
        query = split_heads(self.q_proj(x), self.head_dim)
        return self.out_proj(merge_heads(self.attend(query, key, value, mask)))


class WhisperLayer(Layer):
    """What the layers of both halves share: an MLP, and dropout in front of every residual sum."""

    def __init__(self, config: WhisperConfig, width: int) -> None:
        super().__init__()
        self.dropout, self.activation_dropout = nn.Dropout(config.dropout), nn.Dropout(config.activation_dropout)
        self.act = activation(config.activation_function)
        self.fc1 = nn.Linear(config.d_model, width)
        self.fc2 = nn.Linear(width, config.d_model)
        self.final_layer_norm = nn.LayerNorm(config.d_model)

    def mlp(self, x: Tensor) -> Tensor:
        """x + fc2(act(fc1(norm(x))))."""
        return x + self.dropout(self.fc2(self.activation_dropout(self.act(self.fc1(self.final_layer_norm(x))))))


class WhisperEncoderLayer(WhisperLayer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(config, config.encoder_ffn_dim)
        self.self_attn = WhisperAttention(config, config.encoder_attention_heads)
        self.self_attn_layer_norm = nn.LayerNorm(config.d_model)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        x = x + self.dropout(self.self_attn(self.self_attn_layer_norm(x), mask))
        return within_half(self.mlp(x))


class WhisperDecoderLayer(WhisperLayer):
    """x + attention(norm(x)), x + attention(norm(x), encoder's output), x + mlp(norm(x))."""

    def __init__(self, config: WhisperConfig, layer_idx: int) -> None:
        super().__init__(config, config.decoder_ffn_dim)
        heads = config.decoder_attention_heads
        self.self_attn = WhisperAttention(config, heads, layer_idx)
        self.self_attn_layer_norm = nn.LayerNorm(config.d_model)
        self.encoder_attn = WhisperAttention(config, heads, layer_idx, cross=True)
        self.encoder_attn_layer_norm = nn.LayerNorm(config.d_model)

    def forward(
        self, x: Tensor, mask: Mask, memory: Tensor | None, memory_mask: Mask, cache: EncoderDecoderCache | None
    ) -> Tensor:
        x = x + self.dropout(self.self_attn(self.self_attn_layer_norm(x), mask, cache))
        if memory is not None:
            x = x + self.dropout(self.encoder_attn(self.encoder_attn_layer_norm(x), memory_mask, cache, memory))
        return self.mlp(x)


class WhisperPositions(nn.Embedding, Starting):
    """The encoder's positions: sinusoids, which checkpoints store although they are not trained."""

    starts = {"weight": lambda weight: weight.copy_(sinusoids(*weight.shape))}

    def __init__(self, length: int, size: int) -> None:
        super().__init__(length, size)
        self.weight.requires_grad_(False)


class WhisperPreTrainedModel(PreTrainedModel):
    """What all Whisper classes share."""

    config_class = WhisperConfig
    base_model_prefix = "model"
    main_input_name = "input_features"
    stacks = {
        "encoder_": Stack("encoder.layers", "encoder.layer_norm"),
        "decoder_": Stack("decoder.layers", "decoder.layer_norm"),
    }
    _no_split_modules = ["WhisperEncoderLayer", "WhisperDecoderLayer"]
    config: WhisperConfig

    def decoder_start(self) -> int | None:
        """The token every decoder input starts with."""
        return self.config.decoder_start_token_id


def skipped(rate: float, training: bool) -> bool:
    """Whether to leave out a layer this time (LayerDrop, Fan et al. 2019)."""
    return training and rate > 0 and float(torch.rand(())) < rate


class WhisperEncoder(WhisperPreTrainedModel):
    """Two convolutions that halve the frames, then the encoder's layers."""

    stacks = {"": Stack("layers", "layer_norm")}

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(config)
        self.conv1 = nn.Conv1d(config.num_mel_bins, config.d_model, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(config.d_model, config.d_model, kernel_size=3, stride=2, padding=1)
        self.embed_positions = WhisperPositions(config.max_source_positions, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(WhisperEncoderLayer(config) for _ in range(config.encoder_layers))
        self.layer_norm = nn.LayerNorm(config.d_model)

    def forward(self, input_features: Tensor) -> BaseModelOutput:
        """input_features: (B, M, 2 * max_source_positions) log-mel frames, silence included."""
        bins, frames = self.config.num_mel_bins, 2 * self.config.max_source_positions
        if input_features.shape[1:] != (bins, frames):
            raise InputError(
                f"input_features have shape {tuple(input_features.shape)}; this model expects (batch, {bins}, {frames}): pad or"
                " cut the audio with its feature extractor"
            )
        x = nn.functional.gelu(self.conv1(input_features))
        x = nn.functional.gelu(self.conv2(x)).transpose(1, 2)
        x = self.dropout(x + self.embed_positions(torch.arange(x.shape[1], device=x.device)))
        mask = make_mask(x.shape[1], x.device, causal=False)
        for layer in self.layers:
            if not skipped(self.config.encoder_layerdrop, self.training):
                x = layer(x, mask)
        return BaseModelOutput(self.layer_norm(x))


class WhisperDecoder(WhisperPreTrainedModel):
    """Tokens and learned positions, then the decoder's layers."""

    main_input_name = "input_ids"
    stacks = {"": Stack("layers", "layer_norm")}

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.d_model, config.padding_row)
        self.embed_positions = LearnedPositions(config.max_target_positions, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(WhisperDecoderLayer(config, i) for i in range(config.decoder_layers))
        self.layer_norm = nn.LayerNorm(config.d_model)

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_tokens

    def check_padding(self, ids: Tensor) -> None:
        """Nothing: ignored labels become padding, which no later position that counts looks at."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        encoder_hidden_states: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T); encoder_hidden_states (B, S, D)."""
        one_of(input_ids, inputs_embeds, "decoder_")
        x = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        cache = EncoderDecoderCache.around(self.start_cache(past_key_values, use_cache))
        mask, position_ids = decoder_frame(x, attention_mask, position_ids, cache)
        x = self.dropout(x + self.embed_positions(position_ids))
        memory = encoder_hidden_states
        memory_mask = make_mask(x.shape[1], x.device, causal=False, keys=1 if memory is None else memory.shape[1])
        for layer in self.layers:
            if not skipped(self.config.decoder_layerdrop, self.training):
                x = layer(x, mask, memory, memory_mask, cache)
        return BaseModelOutputWithPast(self.layer_norm(x), past_key_values=cache)


class WhisperModel(WhisperPreTrainedModel):
    """Encoder and decoder without a head."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(config)
        self.encoder = WhisperEncoder(config)
        self.decoder = WhisperDecoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.decoder.embed_tokens

    def get_encoder(self) -> WhisperEncoder:
        """The encoder, a model of its own."""
        return self.encoder

    def get_decoder(self) -> WhisperDecoder:
        """The decoder, a model of its own."""
        return self.decoder

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is in training."""
        self.encoder.requires_grad_(False)

    def augmented(self, features: Tensor, attention_mask: Tensor | None) -> Tensor:
        """The spectrogram (B, M, frames), in training with spans blanked as the config says (SpecAugment)."""
        config, (rows, bins, frames) = self.config, features.shape
        if not self.training or not config.apply_spec_augment:
            return features
        if config.mask_time_prob > 0:
            real = None if attention_mask is None else attention_mask.sum(-1)
            spans = (config.mask_time_prob, config.mask_time_length, config.mask_time_min_masks)
            features = features.masked_fill(random_spans(rows, frames, *spans, features.device, real).unsqueeze(1), 0.0)
        if config.mask_feature_prob > 0:
            spans = (config.mask_feature_prob, config.mask_feature_length, config.mask_feature_min_masks)
            features = features.masked_fill(random_spans(rows, bins, *spans, features.device).unsqueeze(2), 0.0)
        return features

    def forward(
        self,
        input_features: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        decoder_inputs_embeds: Tensor | None = None,
        decoder_position_ids: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> Seq2SeqModelOutput:
        """Args:
        input_features: (B, M, 2 * max_source_positions). encoder_outputs: the encoder's output of an earlier call instead.
        attention_mask: (B, frames) of real audio, for SpecAugment only; the encoder hears the silence as well.
        decoder_input_ids: (B, T). decoder_attention_mask: (B, past + T). decoder_position_ids: (B, T).
        """
        if encoder_outputs is None:
            if input_features is None:
                raise InputError("pass input_features, or encoder_outputs")
            encoder_outputs = self.encoder(self.augmented(input_features, attention_mask), return_dict=True)
        encoded = encoder_output(encoder_outputs)
        decoded = self.decoder(
            decoder_input_ids,
            decoder_attention_mask,
            encoder_hidden_states=encoded.last_hidden_state,
            past_key_values=past_key_values,
            inputs_embeds=decoder_inputs_embeds,
            position_ids=decoder_position_ids,
            use_cache=use_cache,
            return_dict=True,
        )
        return Seq2SeqModelOutput(decoded.last_hidden_state, decoded.past_key_values, **encoder_fields(encoded))


class WhisperForConditionalGeneration(WhisperGeneration, Seq2SeqLM, Headed, WhisperPreTrainedModel):
    """Whisper with a language-modelling head: speech recognition and translation."""

    backbone_class = WhisperModel
    model: WhisperModel
    _tied_weights_keys = {"proj_out.weight": "model.decoder.embed_tokens.weight"}

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(config)
        self.proj_out = nn.Linear(config.d_model, config.vocab_size, bias=False)

    def get_output_embeddings(self) -> nn.Module:
        return self.proj_out

    def get_encoder(self) -> WhisperEncoder:
        """The encoder, a model of its own."""
        return self.model.encoder

    def get_decoder(self) -> WhisperDecoder:
        """The decoder, a model of its own."""
        return self.model.decoder

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is in training."""
        self.model.freeze_encoder()

    def context_length(self) -> int:
        return self.config.max_target_positions

    def forward(
        self,
        input_features: Tensor | None = None,
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
        output = self.run_backbone(input_features, attention_mask, decoder_input_ids, decoder_attention_mask, **inputs)
        return self.written(self.proj_out(output.last_hidden_state), labels, num_items_in_batch, output)
