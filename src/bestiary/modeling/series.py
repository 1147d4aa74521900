"""The floor of encoder-decoders that continue series: what a step is made of, the two halves, the model around them."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..cache.encoder_decoder import EncoderDecoderCache
from ..core.errors import ConfigError, InputError
from ..core.outputs import BaseModelOutput, BaseModelOutputWithPast, ModelOutput
from ..core.series_outputs import Seq2SeqTSModelOutput
from ..nn.embeddings import FixedPositions
from ..nn.inputs import arguments_of, check_mask, check_rows, shown
from ..nn.masks import make_mask
from ..nn.scalers import scaler_for
from ..nn.series import check_series, lagged
from .base import PreTrainedModel
from .cross_attention import memory_mask
from .recording import Stack
from .seq2seq import Half, Seq2SeqPreTrainedModel, encoder_output
from .seq2seq_layers import Seq2SeqLayer, layers_of
from .series_config import SeriesConfig


@dataclass
class Steps:
    """What a model reads: of each step the values before it, `lagged` (B, T, lags * C), and `features` (B, T, F).

    `loc` and `scale` are what values were shifted by and divided by; `static_features` (B, F) are a part of all features.
    """

    lagged: Tensor
    features: Tensor
    loc: Tensor
    scale: Tensor
    static_features: Tensor

    @property
    def both(self) -> Tensor:
        """(B, T, feature_size)."""
        return torch.cat([self.lagged, self.features], dim=-1)


class FeatureEmbedder(nn.Module):
    """A table for each categorical feature of a series; the rows are put side by side."""

    def __init__(self, cardinalities: list[int], embedding_dims: list[int]) -> None:
        super().__init__()
        self.embedders = nn.ModuleList(nn.Embedding(*size) for size in zip(cardinalities, embedding_dims, strict=True))

    def forward(self, features: Tensor) -> Tensor:
        """(B, features) -> (B, sum of the widths)."""
        return torch.cat([table(column) for table, column in zip(self.embedders, features.unbind(-1), strict=True)], dim=-1)


class ValueEmbedding(nn.Module):
    """Steps (B, T, feature_size) -> states (B, T, D)."""

    def __init__(self, feature_size: int, size: int) -> None:
        super().__init__()
        self.value_projection = nn.Linear(feature_size, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.value_projection(x)
        return output


class SeriesPreTrainedModel(Seq2SeqPreTrainedModel):
    """What all classes of such a family share."""

    base_model_prefix = "model"
    main_input_name = "past_values"
    stacks = {"encoder_": Stack("encoder.layers"), "decoder_": Stack("decoder.layers")}
    config: Any


class SeriesHalf(Half, SeriesPreTrainedModel):
    """What encoder and decoder share: steps are projected, positions added, the sum normed; then layers.

    Class attributes:
        layer_class: the class of its layers.
    """

    stacks = {"": Stack("layers")}
    layer_class: ClassVar[type[Seq2SeqLayer]]

    def __init__(self, config: SeriesConfig) -> None:
        super().__init__(config)
        if config.prediction_length is None or config.context_length is None:
            raise ConfigError(f"{type(config).__name__}: prediction_length is None; set how many steps are predicted")
        self.value_embedding = ValueEmbedding(config.feature_size or 0, config.d_model)
        self.embed_positions = FixedPositions(config.context_length + config.prediction_length, config.d_model)
        self.layers = layers_of(config, self.layer_class)
        self.layernorm_embedding = nn.LayerNorm(config.d_model)
        self.layerdrop = config.decoder_layerdrop if self.layer_class.is_decoder else config.encoder_layerdrop
        self.dropout = config.dropout

    def embedded(self, steps: Any, first: Any = 0) -> Tensor:
        """Steps (B, T, feature_size), the first of which has the position `first` -> states (B, T, D).

        Raises:
            InputError: they are no such steps.
        """
        width = self.config.feature_size
        if not isinstance(steps, Tensor) or steps.dim() != 3 or steps.shape[-1] != width:
            raise InputError(f"inputs_embeds is {shown(steps)}; expected steps of shape (batch, length, {width})")
        x = self.value_embedding(steps)
        positions = self.embed_positions(position_ids=torch.arange(steps.shape[1], device=x.device)[None] + first)
        return nn.functional.dropout(self.layernorm_embedding(x + positions.to(x.dtype)), self.dropout, self.training)


class SeriesEncoder(SeriesHalf):
    """The encoder."""

    def forward(self, attention_mask: Tensor | None = None, inputs_embeds: Tensor | None = None) -> BaseModelOutput:
        """inputs_embeds: steps (B, T, feature_size). attention_mask (B, T), 0 where they are padding."""
        x = self.embedded(inputs_embeds)
        mask = make_mask(x.shape[1], x.device, attention_mask, causal=False)
        return BaseModelOutput(self.through_layers(x, mask))


class SeriesDecoder(SeriesHalf):
    """The decoder; its positions go on behind the context's."""

    def outer_name(self, name: str) -> str:
        """In a whole model the mask has a name of its own."""
        names = {"attention_mask": "decoder_attention_mask", "encoder_hidden_states": "encoder_outputs"}
        return names.get(name, name)

    def forward(
        self,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """Args:
        inputs_embeds: steps (B, T, feature_size); attention_mask (B, past + T).
        encoder_hidden_states: the encoder's output (B, S, D), and its mask (B, S).
        """
        cache = EncoderDecoderCache.around(self.start_cache(past_key_values, use_cache))
        x = self.embedded(inputs_embeds, self.config.context_length + (0 if cache is None else cache.position()))
        name = self.outer_name("attention_mask")
        if attention_mask is not None:
            check_mask(attention_mask, x.shape[0], name, beside="past_values")
        mask = make_mask(x.shape[1], x.device, attention_mask, cache=cache, causal=True, name=name)
        memory, over_memory = encoder_hidden_states, None
        if memory is not None:
            over_memory = memory_mask(self, memory, encoder_attention_mask, x)
        x = self.through_layers(x, mask, cache, memory=memory, memory_mask=over_memory)
        return BaseModelOutputWithPast(x, past_key_values=cache)


class SeriesBase(SeriesPreTrainedModel):
    """Scaler, embeddings of categories and the two halves, and how a series becomes steps.

    Class attributes:
        encoder_class, decoder_class: the halves; both are built from the config.
    """

    encoder_class: ClassVar[type[PreTrainedModel]]
    decoder_class: ClassVar[type[PreTrainedModel]]

    def __init__(self, config: SeriesConfig) -> None:
        super().__init__(config)
        get = config.get
        self.scaler = scaler_for(config.scaling, get("minimum_scale", None), get("default_scale", None))
        if config.num_static_categorical_features:
            self.embedder = FeatureEmbedder(get("cardinality"), get("embedding_dimension"))
        self.encoder = self.encoder_class(config)
        self.decoder = self.decoder_class(config)

    def get_lagged_subsequences(self, sequence: Tensor, subsequences_length: int, shift: int = 0) -> Tensor:
        """What came before each of the last steps of `sequence` (B, T) or (B, T, C), by all lags: see `nn.series.lagged`."""
        return lagged(sequence, self.config.lags_sequence, subsequences_length, shift)

    def values_of(self, values: Any, name: str, shape: tuple[int | None, int | None]) -> Tensor:
        """Values, or which of them were observed, of `shape` (B, T) with the series of a step behind it, if there are several.

        Raises:
            InputError: something else, or fewer than the model looks back at.
        """
        size, least = self.config.input_size, self.config.past_length
        shape_of_all = shape if size == 1 else (*shape, size)
        what = "" if size == 1 else f", the last being input_size {size}"
        checked = check_series(values, name, shape_of_all, self.dtype, what)
        if shape[1] is None and checked.shape[1] < least:
            raise InputError(
                f"{name} holds {checked.shape[1]} steps; this model needs {least}: context_length {self.config.context_length}"
                f" and the largest lag, {max(self.config.lags_sequence)}"
            )
        return checked

    def time_features(self, features: Any, name: str, rows: int, steps: int | None) -> Tensor:
        """The features of time and the dynamic ones (B, T, F).

        Raises:
            InputError: something else.
        """
        config = self.config
        count = config.num_time_features + config.num_dynamic_real_features
        what = ", the last being num_time_features + num_dynamic_real_features"
        return check_series(features, name, (rows, steps, count), self.dtype, what)

    def static_features(self, categories: Any, numbers: Any, rows: int) -> list[Tensor]:
        """The embedded categories and the numbers (B, F) of whole series, where the model has them.

        Raises:
            InputError: another number of features, or classes that do not exist.
        """
        parts, config = [], self.config
        counts = (config.num_static_categorical_features, config.num_static_real_features)
        names = ("static_categorical_features", "static_real_features")
        for name, features, count in zip(names, (categories, numbers), counts, strict=True):
            if features is None and not count:
                continue
            checked = check_series(features, name, (rows, count), self.dtype, f", the last being num_{name}")
            if count and name == names[0]:
                check_rows(categories, name)
                for column, classes in zip(categories.unbind(-1), config.cardinality, strict=True):
                    check_rows(column, name, classes)
                checked = self.embedder(categories)
            parts.append(checked)
        return parts

    def steps(
        self,
        past_values: Any,
        past_time_features: Any,
        static_categorical_features: Any = None,
        static_real_features: Any = None,
        past_observed_mask: Any = None,
        future_values: Any = None,
        future_time_features: Any = None,
    ) -> Steps:
        """The steps of the context, and those of the future where `future_values` tell what comes before each of these."""
        config = self.config
        past_values = self.values_of(past_values, "past_values", (None, None))
        rows, length = past_values.shape[0], config.context_length
        if past_observed_mask is None:
            past_observed_mask = torch.ones_like(past_values)
        observed = self.values_of(past_observed_mask, "past_observed_mask", (rows, past_values.shape[1]))
        features = self.time_features(past_time_features, "past_time_features", rows, None)
        if features.shape[1] not in (config.past_length, past_values.shape[1]):
            raise InputError(f"past_time_features has {features.shape[1]} steps and past_values {past_values.shape[1]}")
        features, values = features[:, -length:], past_values
        if future_values is not None:
            horizon = config.prediction_length
            future_values = self.values_of(future_values, "future_values", (rows, horizon))
            future_features = self.time_features(future_time_features, "future_time_features", rows, horizon)
            features, values = torch.cat([features, future_features], dim=1), torch.cat([past_values, future_values], dim=1)
        _, loc, scale = self.scaler(past_values[:, -length:], observed[:, -length:])
        before = self.get_lagged_subsequences((values - loc) / scale, features.shape[1]).flatten(2)
        parts = self.static_features(static_categorical_features, static_real_features, rows)
        static = torch.cat([*parts, loc.abs().log1p().flatten(1), scale.log().flatten(1)], dim=1)
        features = torch.cat([static[:, None].expand(-1, features.shape[1], -1), features], dim=-1)
        return Steps(before, features, loc, scale, static)

    def forward(
        self,
        past_values: Tensor | None = None,
        past_time_features: Tensor | None = None,
        past_observed_mask: Tensor | None = None,
        static_categorical_features: Tensor | None = None,
        static_real_features: Tensor | None = None,
        future_values: Tensor | None = None,
        future_time_features: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> ModelOutput:
        """Args:
        past_values: (B, past) or, of several series, (B, past, C), at least `config.past_length` steps; missing ones are 0.
        past_time_features: (B, past, F). past_observed_mask: as past_values, 0 where a value is missing.
        static_categorical_features, static_real_features: (B, F), of a series as a whole.
        future_values: (B, prediction_length) or with C; without them the decoder reads a step of zeros.
        future_time_features: (B, prediction_length, F). decoder_attention_mask: (B, prediction_length).
        encoder_outputs: the encoder's output of an earlier call.
        """
        inputs = (past_values, past_time_features, static_categorical_features, static_real_features, past_observed_mask)
        steps, length = self.steps(*inputs, future_values, future_time_features), self.config.context_length
        if encoder_outputs is None:
            encoder_outputs = self.encoder(inputs_embeds=steps.both[:, :length], return_dict=True)
        encoded = encoder_output(encoder_outputs)
        options = {"attention_mask": decoder_attention_mask, "past_key_values": past_key_values, "use_cache": use_cache}
        options |= {"encoder_hidden_states": encoded.last_hidden_state, "return_dict": True}
        states: dict[str, Any] = {f"encoder_{name}": value for name, value in encoded.items()}
        states |= {"loc": steps.loc, "scale": steps.scale, "static_features": steps.static_features}
        return self.go_on(steps, future_values is not None, options, states)

    def go_on(self, steps: Steps, has_future: bool, options: dict[str, Any], states: dict[str, Any]) -> ModelOutput:
        """The output: what the decoder says, called with `options`, beside the `states` of the encoder and the series."""
        length = self.config.context_length
        read = steps.both[:, length:] if has_future else torch.zeros_like(steps.both[:, :1])
        output = self.decoder(inputs_embeds=read, **options)
        return Seq2SeqTSModelOutput(output.last_hidden_state, output.past_key_values, **states)


class SeriesModel(SeriesBase):
    """An encoder that reads the context and a decoder that reads the future, one step later."""

    @arguments_of(SeriesBase.steps)
    def create_network_inputs(self, *args: Any, **inputs: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The steps (B, T, feature_size), loc, scale and static features of a series: the first inputs of forward."""
        steps = self.steps(*args, **inputs)
        return steps.both, steps.loc, steps.scale, steps.static_features
