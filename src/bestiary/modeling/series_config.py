"""The hyperparameters that encoder-decoders of series publish under the same names. Needs no torch."""

from typing import Any, ClassVar, Literal

from ..core.errors import ConfigError
from ..core.kinds import Amount, Count, Depth, Natural, Positive, Rate, Size, check
from .config import PreTrainedConfig


class SeriesConfig(PreTrainedConfig):
    """Base of the configs of models that continue a series.

    The encoder reads `context_length` steps (None: as many as are predicted), the decoder predicts `prediction_length`. A step
    is the values `lags_sequence` steps before it, of `input_size` series at once, and features: of its time
    (`num_time_features`, `num_dynamic_real_features`), and of the series as a whole (`num_static_real_features`;
    `num_static_categorical_features`, each one of `cardinality` classes, embedded in `embedding_dimension` numbers).
    `feature_size` follows from these. `scaling` is "mean" (or true), "std" or null; `minimum_scale` and `default_scale`, where
    a file has them, are those of `nn/scalers.py`. `num_parallel_samples` futures are drawn by `generate`.
    """

    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }
    internal_map: ClassVar[dict[str, str]] = {"initializer_range": "init_std"}

    is_encoder_decoder: bool = True
    prediction_length: Size | None = None
    context_length: Size | None = None
    distribution_output: Literal["student_t", "normal", "negative_binomial"] = "student_t"
    loss: Literal["nll"] = "nll"
    input_size: Size = 1
    lags_sequence: list[Natural] | None = None
    scaling: Literal["mean", "std"] | bool | None = "mean"
    num_dynamic_real_features: Count = 0
    num_static_categorical_features: Count = 0
    num_static_real_features: Count = 0
    num_time_features: Count = 0
    cardinality: list[Count] | None = None
    embedding_dimension: list[Count] | None = None
    feature_size: Size | None = None
    d_model: Size = 64
    encoder_layers: Depth = 2
    encoder_attention_heads: Size = 2
    encoder_ffn_dim: Size = 32
    decoder_layers: Depth = 2
    decoder_attention_heads: Size = 2
    decoder_ffn_dim: Size = 32
    activation_function: str = "gelu"
    dropout: Rate = 0.1
    attention_dropout: Rate = 0.1
    activation_dropout: Rate = 0.1
    encoder_layerdrop: Rate = 0.1
    decoder_layerdrop: Rate = 0.1
    num_parallel_samples: Size = 100
    init_std: Amount = 0.02
    use_cache: bool = True

    def validate(self) -> None:
        self.lags_sequence = [1, 2, 3, 4, 5, 6, 7] if self.lags_sequence is None else list(self.lags_sequence)
        self.feature_size = None  # follows from the others, whatever a file says
        super().validate()
        for name in ("minimum_scale", "default_scale"):
            check(type(self).__name__, name, self.get(name, None), Positive | None)
        self.divides("d_model", "encoder_attention_heads")
        self.divides("d_model", "decoder_attention_heads")
        if not self.lags_sequence:
            raise ConfigError(f"{type(self).__name__}: lags_sequence is empty; a step is made of what came before, such as [1]")
        self.context_length = self.context_length or self.prediction_length
        self._settle_categories()
        self.feature_size = self.input_size * (len(self.lags_sequence) + 2) + self._number_of_features

    def _settle_categories(self) -> None:
        count = self.num_static_categorical_features
        if not self.cardinality or not count:
            self.cardinality = [0]
        if not self.embedding_dimension or not count:
            self.embedding_dimension = [min(50, (classes + 1) // 2) for classes in self.cardinality]
        for name in ("cardinality", "embedding_dimension"):
            values = self.get(name)
            if count and (len(values) != count or 0 in values):
                raise ConfigError(
                    f"{type(self).__name__}: {name} is {values}; expected a number for each of the {count} features that"
                    " num_static_categorical_features tells of"
                )

    @property
    def _number_of_features(self) -> int:
        """The features of a step, without those that tell loc and scale."""
        features = (self.num_dynamic_real_features, self.num_time_features, self.num_static_real_features)
        return sum(self.embedding_dimension or ()) + sum(features)

    @property
    def past_length(self) -> int:
        """How many past values a series must have."""
        lengths: Any = self.context_length, self.lags_sequence
        return int(lengths[0] + max(lengths[1]))

    def layer_kinds(self) -> tuple[str, ...]:
        """The kinds of the decoder's layers."""
        return ("full_attention",) * self.decoder_layers

    @property
    def cache_heads(self) -> tuple[int, int]:
        return self.decoder_attention_heads, self.d_model // self.decoder_attention_heads
