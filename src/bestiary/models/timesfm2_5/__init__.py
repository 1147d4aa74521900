"""TimesFM 2.5 (Google Research 2025): TimesFM with rotary positions, and a further head for quantiles.

Differs from TimesFM: each patch is scaled by what was seen up to it, queries and keys are normed behind their rotation, every
half of a block has a norm behind it too, and a forecast is the mean of those of a series and of the same series upside down.
"""

from collections.abc import Sequence

from ...core.kinds import Amount, Count, Depth, Fraction, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.rotary_config import RotaryConfig


class TimesFm2_5Config(RotaryConfig):
    """Hyperparameters.

    The last `context_length` values of a series are read in patches of `patch_length`. `horizon_length` values are predicted:
    a mean and `quantiles`; the forecast is the one at `decode_index`. With `use_continuous_quantile_head` the distances between
    quantiles come from a head of its own, which predicts `output_quantile_len` values. With `force_flip_invariance`
    forecasts are the mean of two, with `infer_is_positive` they are not below 0 where no value of the series is.
    """

    model_type = "timesfm2_5"

    patch_length: Size = 32
    context_length: Length = 16384
    horizon_length: Size = 128
    num_hidden_layers: Depth = 20
    hidden_size: Size = 1280
    intermediate_size: Size = 1280
    head_dim: Size = 80
    num_attention_heads: Size = 16
    rms_norm_eps: Rate = 1e-6
    quantiles: Sequence[Fraction] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    attention_dropout: Rate = 0.0
    initializer_range: Amount = 0.02
    num_key_value_heads: Size = 16
    attention_bias: bool = False
    output_quantile_len: Size = 1024
    decode_index: Count = 5
    use_bias: bool = False
    activation: str = "swish"
    use_continuous_quantile_head: bool = True
    force_flip_invariance: bool = True
    infer_is_positive: bool = True
    max_position_embeddings: Length = 16384

    def validate(self) -> None:
        super().validate()
        self.divides("context_length", "patch_length")
        self.divides("num_attention_heads", "num_key_value_heads")
        self.read_rotary()


TASKS = {"base": "TimesFm2_5Model", "time-series-prediction": "TimesFm2_5ModelForPrediction"}

__getattr__, __dir__ = lazy(
    __name__, {"model": ["TimesFm2_5PreTrainedModel", "TimesFm2_5Model"], "forecast": ["TimesFm2_5ModelForPrediction"]}
)
