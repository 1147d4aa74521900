"""The modules of Whisper. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import BaseModelOutput, Seq2SeqLMOutput, Seq2SeqModelOutput
from ...modeling.heads.seq2seq import Seq2SeqLM
from ...modeling.recording import Stack
from ...modeling.seq2seq import Half, Seq2SeqHeaded, Seq2SeqModel, Seq2SeqPreTrainedModel, TextDecoder
from ...modeling.seq2seq_layers import Seq2SeqLayer, layers_of
from ...nn.alias import Alias
from ...nn.embeddings import TextPositions, sinusoids
from ...nn.init import Starting
from ...nn.masks import make_mask
from ...nn.spec_augment import random_spans
from . import WhisperConfig
from .generation import WhisperGeneration


class WhisperEncoderLayer(Seq2SeqLayer):
    """x + attention(norm(x)), then x + mlp(norm(x)); keys have no bias."""

    norm_first, key_bias = True, False


class WhisperDecoderLayer(WhisperEncoderLayer):
    """The same with attention to the encoder's output in between."""

    is_decoder = True


class WhisperPositions(nn.Embedding, Starting):
    """The encoder's positions: sinusoids, which checkpoints store although they are not trained."""

    starts = {"weight": lambda weight: weight.copy_(sinusoids(*weight.shape))}

    def __init__(self, length: int, size: int) -> None:
        super().__init__(length, size)
        self.weight.requires_grad_(False)


class WhisperPreTrainedModel(Seq2SeqPreTrainedModel):
    """What all Whisper classes share."""

    config_class = WhisperConfig
    base_model_prefix = "model"
    main_input_name = "input_features"
    stacks = {
        "encoder_": Stack("encoder.layers", "encoder.layer_norm"),
        "decoder_": Stack("decoder.layers", "decoder.layer_norm"),
    }
    _no_split_modules = ["WhisperEncoderLayer", "WhisperDecoderLayer"]
    max_source_positions, max_target_positions = Alias("config.max_source_positions"), Alias("config.max_target_positions")
    num_mel_bins, padding_idx = Alias("config.num_mel_bins"), Alias("config.padding_row")
    config: WhisperConfig

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is in training."""
        self.get_encoder().requires_grad_(False)


def check_frames(features: Tensor, config: WhisperConfig) -> Tensor:
    """`features`, if they are numbers (B, M, frames) of as many frames as the model hears.

    Raises:
        InputError: they are not.
    """
    bins, frames = config.num_mel_bins, 2 * config.max_source_positions
    if features.shape[1:] != (bins, frames) or not features.is_floating_point():
        raise InputError(
            f"input_features have shape {tuple(features.shape)} and are of {features.dtype}; this model expects"
            f" (batch, {bins}, {frames}) floating-point numbers: pad or cut the audio with its feature extractor"
        )
    return features


class WhisperEncoder(Half, WhisperPreTrainedModel):
    """Two convolutions that halve the frames, then the encoder's layers."""

    stacks = {"": Stack("layers", "layer_norm")}

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(config)
        self.conv1 = nn.Conv1d(config.num_mel_bins, config.d_model, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(config.d_model, config.d_model, kernel_size=3, stride=2, padding=1)
        self.embed_positions = WhisperPositions(config.max_source_positions, config.d_model)
        self.dropout = config.dropout
        self.layers, self.layerdrop = layers_of(config, WhisperEncoderLayer), config.encoder_layerdrop
        self.layer_norm = nn.LayerNorm(config.d_model)

    def finish(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer_norm(x)
        return output

    def forward(self, input_features: Tensor) -> BaseModelOutput:
        """input_features: (B, M, 2 * max_source_positions) log-mel frames, silence included."""
        x = nn.functional.gelu(self.conv1(check_frames(input_features, self.config)))
        x = nn.functional.gelu(self.conv2(x)).transpose(1, 2)
        x = x + self.embed_positions(torch.arange(x.shape[1], device=x.device))
        x = nn.functional.dropout(x, self.dropout, self.training)
        mask = make_mask(x.shape[1], x.device, causal=False)
        return BaseModelOutput(self.finish(self.through_layers(x, mask)))


class WhisperDecoder(TextDecoder, WhisperPreTrainedModel):
    """Tokens and learned positions, then the decoder's layers."""

    main_input_name = "input_ids"
    stacks = {"": Stack("layers", "layer_norm")}
    packs = True

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(config)
        self.embed_tokens = self.word_table(config)
        self.embed_positions = TextPositions(config.max_target_positions, config.d_model)
        self.dropout = config.dropout
        self.layers, self.layerdrop = layers_of(config, WhisperDecoderLayer), config.decoder_layerdrop
        self.layer_norm = nn.LayerNorm(config.d_model)

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_tokens

    def embed(self, words: Tensor, position_ids: Tensor) -> Tensor:
        return nn.functional.dropout(words + self.embed_positions(position_ids=position_ids), self.dropout, self.training)

    def finish(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer_norm(x)
        return output


class WhisperModel(Seq2SeqModel, WhisperPreTrainedModel):
    """Encoder and decoder without a head."""

    encoder_class, decoder_class = WhisperEncoder, WhisperDecoder

    def augmented(self, features: Tensor, attention_mask: Tensor | None) -> Tensor:
        """The spectrogram (B, M, frames), in training with spans blanked as the config says (SpecAugment)."""
        config = self.config
        if not self.training or not config.apply_spec_augment:
            return features
        rows, bins, frames = check_frames(features, config).shape
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
        return self.decoded(
            encoder_outputs,
            decoder_input_ids,
            decoder_attention_mask,
            past_key_values=past_key_values,
            inputs_embeds=decoder_inputs_embeds,
            position_ids=decoder_position_ids,
            use_cache=use_cache,
        )


class WhisperForConditionalGeneration(WhisperGeneration, Seq2SeqLM, Seq2SeqHeaded, WhisperPreTrainedModel):
    """Whisper with a language-modelling head: speech recognition and translation."""

    backbone_class = WhisperModel
    model: WhisperModel
    head_name = "proj_out"
    _tied_weights_keys = {"proj_out.weight": "model.decoder.embed_tokens.weight"}

    def forward(  # type: ignore[override]
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
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Seq2SeqLMOutput:
        """Args:
        labels: (B, T), -100 is ignored; the decoder's input is made from them where it is not given.
        num_items_in_batch: labels in all micro-batches of a step, to divide the summed loss by.
        """
        return super().forward(
            input_features,
            attention_mask,
            decoder_input_ids,
            decoder_attention_mask,
            labels=labels,
            num_items_in_batch=num_items_in_batch,
            encoder_outputs=encoder_outputs,
            past_key_values=past_key_values,
            decoder_inputs_embeds=decoder_inputs_embeds,
            decoder_position_ids=decoder_position_ids,
            use_cache=use_cache,
        )
