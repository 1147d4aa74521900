"""TimesFM (Das et al. 2024, "A decoder-only foundation model for time-series forecasting"): a decoder that continues series.

Differs from Llama: a token is a patch of values with what of it is padding, so several values are predicted at once, and
quantiles of them; every dimension of the queries has a factor of its own; an MLP has a norm of its own and no gate.

Paper: https://arxiv.org/abs/2310.10688
"""

from collections.abc import Sequence

from ...core.kinds import Amount, Depth, Fraction, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class TimesFmConfig(PreTrainedConfig):
    """Hyperparameters.

    The last `context_length` values of a series are read in patches of `patch_length`; `horizon_length` values and their
    `quantiles` are predicted. The values of a series are those of one of `freq_size` frequencies (0: many a day, 1: of weeks or
    months, 2: of quarters or years). `pad_val` stands for a value that is missing. With `use_positional_embedding`, sinusoids
    whose wavelengths go from `min_timescale` to `max_timescale` are added. What differs by less than `tolerance` is equal.
    """

    model_type = "timesfm"

    patch_length: Size = 32
    context_length: Length = 512
    horizon_length: Size = 128
    freq_size: Size = 3
    num_hidden_layers: Depth = 50
    hidden_size: Size = 1280
    intermediate_size: Size = 1280
    head_dim: Size = 80
    num_attention_heads: Size = 16
    tolerance: Rate = 1e-6
    rms_norm_eps: Rate = 1e-6
    quantiles: Sequence[Fraction] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    pad_val: float = 1123581321.0
    attention_dropout: Rate = 0.0
    use_positional_embedding: bool = False
    initializer_range: Amount = 0.02
    min_timescale: Size = 1
    max_timescale: Size = 10_000

    def validate(self) -> None:
        super().validate()
        self.divides("context_length", "patch_length")


TASKS = {"base": "TimesFmModel", "time-series-prediction": "TimesFmModelForPrediction"}

__getattr__, __dir__ = lazy(
    __name__, {"model": ["TimesFmPreTrainedModel", "TimesFmModel"], "forecast": ["TimesFmModelForPrediction"]}
)
