"""The modules of Autoformer. Parameter names are the published ones."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, pad

from ...cache.encoder_decoder import EncoderDecoderCache
from ...core.errors import ConfigError, InputError
from ...core.logging import warn_once
from ...core.outputs import ModelOutput, Tensors
from ...modeling.heads.series_prediction import SeriesPrediction
from ...modeling.recording import Stack
from ...modeling.seq2seq_layers import Seq2SeqLayer
from ...modeling.series import SeriesBase, SeriesDecoder, SeriesEncoder, SeriesPreTrainedModel, Steps
from ...nn.attention import Attend
from ...nn.inputs import check_states
from ...nn.kernels import default_scaling
from ...nn.layer import skipped
from ...nn.masks import Mask, make_mask
from . import AutoformerConfig


@dataclass
class AutoformerDecoderOutput(ModelOutput):
    """`last_hidden_state` and `trend` (B, T, feature_size), the two parts of the prediction."""

    last_hidden_state: Tensor | None = None
    trend: Tensor | None = None
    past_key_values: Any | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    cross_attentions: Tensors | None = None


@dataclass
class AutoformerModelOutput(ModelOutput):
    """The decoder's two parts, where there is a future; the encoder's states; loc, scale and static features of the series."""

    last_hidden_state: Tensor | None = None
    trend: Tensor | None = None
    past_key_values: Any | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    loc: Tensor | None = None
    scale: Tensor | None = None
    static_features: Tensor | None = None


def decomposed(x: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """States (B, T, D) without their trend, and the trend: the mean of `width` steps, the ends being repeated (eq. 1)."""
    ends = pad(x.transpose(1, 2), ((width - 1) // 2,) * 2, mode="replicate")
    trend = nn.functional.avg_pool1d(ends, width, stride=1).transpose(1, 2)
    return x - trend, trend


class AutoCorrelation(Attend):
    """Mixes values at the delays at which queries and keys are most alike (eq. 5 to 7), found by a Fourier transform.

    As published, a row of a batch gets delays of other rows where there are several heads, which is told once. All kernels
    give what the formula gives, for there is no other.
    """

    def __init__(self, scaling: float, dropout: float, factor: int, cross: bool) -> None:
        super().__init__(scaling, dropout, cross=cross)  # as published, nothing is dropped
        self.factor = factor

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Mask | None = None,
        bias: Tensor | None = None,
        need_weights: bool = False,
        sinks: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Queries (B, H, T, K), keys and values (B, H, S, K) -> (B, H, T, K); in place of probabilities, the correlations at
        each delay (B, H, T, K). There is no mask, bias or sink: a delay is one of the whole series."""
        rows, heads, length, _ = query.shape
        missing = max(length - value.shape[2], 0)
        key, value = (pad(x[:, :, :length], (0, 0, 0, missing)) for x in (key, value))
        if missing:
            query = query[:, :, :missing]  # as published; the transform fills it up with zeros
        # torch transforms half precision on no processor, and on GPUs only lengths that are powers of two.
        wide = torch.promote_types(query.dtype, torch.float32)
        spectrum = torch.fft.rfft(query.to(wide), n=length, dim=2) * torch.fft.rfft(key.to(wide), n=length, dim=2).conj()
        correlations = torch.fft.irfft(spectrum, n=length, dim=2).to(query.dtype)
        count = min(int(self.factor * math.log(length)), length)
        likeness = correlations.mean(dim=(1, 3))
        best = likeness.mean(0, keepdim=True) if self.training else likeness
        delays = best.topk(count, dim=1).indices.expand(rows, -1)
        weights = likeness.gather(1, delays).softmax(-1)
        if rows > 1 and heads > 1 and not torch.compiler.is_compiling():
            warn_once(
                "batch-of-several-heads",
                "Autoformer takes the delays of some heads from other rows of the batch, as published: what it says of a"
                " series depends on those beside it. Pass one series at a time, if that matters",
            )
        delays, weights = (x.repeat(heads, 1).view(rows, heads, count) for x in (delays, weights))
        steps, mixed = torch.arange(length, device=value.device), torch.zeros_like(value)
        for index in range(count):
            places = (steps + delays[:, :, index, None]) % length
            rolled = value.gather(2, places[..., None].expand_as(value))
            mixed = mixed + rolled * weights[:, :, index, None, None]
        return (mixed, correlations) if need_weights else mixed


class AutoformerLayernorm(nn.Module):
    """A norm for what has no trend: less the mean over the steps."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        normed: Tensor = self.layernorm(x)
        return normed - normed.mean(dim=1, keepdim=True)


class AutoformerLayer(Seq2SeqLayer):
    """What the layers share: the modules of BART's, with auto-correlation and another norm at the end."""

    def __init__(self, config: AutoformerConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.final_layer_norm: nn.Module = AutoformerLayernorm(config.d_model)
        self.width = config.moving_average
        for attention, cross in ((self.self_attn, False), *(((self.encoder_attn, True),) if self.is_decoder else ())):
            sizes = default_scaling(attention.head_dim), config.attention_dropout, config.autocorrelation_factor
            attention.attend = AutoCorrelation(*sizes, cross)

    def dropped(self, x: Tensor) -> Tensor:
        """What a branch gives, dropped at random in training."""
        return dropout(x, self.dropout, self.training)


class AutoformerEncoderLayer(AutoformerLayer):
    """norm(x + correlation(x)) without its trend, then norm(x + mlp(x) without its trend)."""

    def forward(self, x: Tensor, mask: Mask, cache: Any = None) -> Tensor:  # type: ignore[override]
        x, _ = decomposed(self.self_attn_layer_norm(x + self.dropped(self.self_attn(x, mask))), self.width)
        x, _ = decomposed(x + self.dropped(self.mlp(x)), self.width)
        output: Tensor = self.final_layer_norm(x)
        return output


class AutoformerDecoderLayer(AutoformerLayer):
    """Three branches; the trend that is taken out behind each of them is gathered and projected."""

    is_decoder = True

    def __init__(self, config: AutoformerConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.trend_projection = nn.Conv1d(
            config.d_model, config.feature_size or 0, kernel_size=3, padding=1, padding_mode="circular", bias=False
        )

    def forward(  # type: ignore[override]
        self, x: Tensor, mask: Mask, cache: Any = None, *, memory: Tensor | None = None, memory_mask: Mask | None = None
    ) -> tuple[Tensor, Tensor]:
        """States (B, T, D) -> the next ones, and the trend (B, T, feature_size)."""
        x, trend = decomposed(x + self.dropped(self.self_attn(x, mask, cache)), self.width)
        x = self.self_attn_layer_norm(x)
        if memory is not None:
            mixed = self.encoder_attn(x, memory_mask, cache, memory=memory)
            x, part = decomposed(x + self.dropped(mixed), self.width)
            x, trend = self.encoder_attn_layer_norm(x), trend + part
        x, part = decomposed(x + self.dropped(self.mlp(x)), self.width)
        projected = self.trend_projection((trend + part).transpose(1, 2)).transpose(1, 2)
        return self.final_layer_norm(x), projected


class AutoformerPreTrainedModel(SeriesPreTrainedModel):
    """What all classes of Autoformer share."""

    config_class = AutoformerConfig
    stacks = {**SeriesPreTrainedModel.stacks, "decoder_": Stack("decoder.layers", "decoder.seasonality_projection")}
    _no_split_modules = ["AutoformerEncoderLayer", "AutoformerDecoderLayer"]


class AutoformerEncoder(SeriesEncoder, AutoformerPreTrainedModel):
    """The encoder."""

    layer_class = AutoformerEncoderLayer


class AutoformerDecoder(SeriesDecoder, AutoformerPreTrainedModel):
    """The decoder: it gathers the trends of its layers."""

    stacks = {"": Stack("layers", "seasonality_projection")}
    layer_class = AutoformerDecoderLayer

    def __init__(self, config: AutoformerConfig) -> None:
        super().__init__(config)
        self.seasonality_projection = nn.Linear(config.d_model, config.feature_size or 0)

    def forward(  # type: ignore[override]
        self,
        trend: Tensor | None = None,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> AutoformerDecoderOutput:
        """Args:
        inputs_embeds, trend: steps (B, T, feature_size) without their trend, and the trend that the layers add to.
        encoder_hidden_states: the encoder's output (B, S, D).

        Raises:
            InputError: masks, or a cache with something in it: delays are those of a whole series.
        """
        cache = EncoderDecoderCache.around(self.start_cache(past_key_values, use_cache))
        hidden = attention_mask is not None or encoder_attention_mask is not None
        if hidden or (cache is not None and cache.get_seq_length()):
            name = "decoder_attention_mask" if hidden else "past_key_values"
            raise InputError(f"{name} has no meaning here: auto-correlation compares whole series, all steps at once")
        x = self.embedded(inputs_embeds, self.config.context_length - self.config.label_length)
        check_states(trend, "trend", x.shape[0], self.config.feature_size, "inputs_embeds", x.shape[1])
        total: Any = trend
        mask = make_mask(x.shape[1], x.device, None, causal=False)
        for layer in self.layers:
            if not skipped(self.layerdrop, self.training):
                x, part = layer(x, mask, cache, memory=encoder_hidden_states)
                total = total + part
        return AutoformerDecoderOutput(self.seasonality_projection(x), total, cache)


class AutoformerModel(SeriesBase, AutoformerPreTrainedModel):
    """An encoder that reads the context, and a decoder that goes on from its last steps, all of the future at once."""

    encoder_class, decoder_class = AutoformerEncoder, AutoformerDecoder

    def __init__(self, config: AutoformerConfig) -> None:
        if config.context_length is not None and not 0 < config.label_length <= config.context_length:
            raise ConfigError(
                f"AutoformerConfig: label_length is {config.label_length}; expected a part of the context, which has"
                f" {config.context_length} steps (context_length)"
            )
        super().__init__(config)

    def decoder_inputs(self, lagged: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """What the decoder begins with, without its trend, and the trend, (B, label_length + prediction_length, feature_size).

        lagged (B, context_length, ...): of the context. features (B, label_length + prediction_length, F).
        """
        length, label = self.config.prediction_length, self.config.label_length
        rest, trend = decomposed(lagged, self.config.moving_average)
        mean = lagged.mean(dim=1, keepdim=True).expand(-1, length, -1)
        parts = ((rest, torch.zeros_like(mean)), (trend, mean))
        inputs, start = (torch.cat([torch.cat([past[:, -label:], future], dim=1), features], dim=-1) for past, future in parts)
        return inputs, start

    def go_on(self, steps: Steps, has_future: bool, options: dict[str, Any], states: dict[str, Any]) -> AutoformerModelOutput:
        """As of any such model; without values of the future only the encoder runs."""
        output, length = AutoformerDecoderOutput(), self.config.context_length
        if has_future:
            features = steps.features[:, length - self.config.label_length :]
            decoder_input, trend = self.decoder_inputs(steps.lagged[:, :length], features)
            output = self.decoder(trend=trend, inputs_embeds=decoder_input, **options)
        return AutoformerModelOutput(output.last_hidden_state, output.trend, output.past_key_values, **states)


class AutoformerForPrediction(SeriesPrediction, AutoformerPreTrainedModel):
    """Autoformer that tells how each series goes on."""

    backbone_class = AutoformerModel

    @property
    def states_size(self) -> int:
        return int(self.config.feature_size)

    def states(self, output: Any) -> Tensor:
        states: Tensor = output.last_hidden_state + output.trend
        return states

    def output_params(self, decoder_output: Tensor) -> tuple[Tensor, ...]:
        return super().output_params(decoder_output[:, -self.config.prediction_length :])

    def drawn(self, past: Tensor, features: Tensor, memory: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        """All values at once: each alone knows nothing of the others that are drawn."""
        model: Any = self.backbone
        config = self.config
        before = model.get_lagged_subsequences(past, config.context_length).flatten(2)
        inputs, trend = model.decoder_inputs(before, features[:, -config.prediction_length - config.label_length :])
        output = model.decoder(trend=trend, inputs_embeds=inputs, encoder_hidden_states=memory, use_cache=False)
        return self.output_distribution(self.output_params(self.states(output)), loc, scale).sample()
