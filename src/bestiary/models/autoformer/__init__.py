"""Autoformer (Wu et al. 2021, "Autoformer: decomposition transformers with auto-correlation for long-term forecasting").

Differs from the Time Series Transformer: in place of attention, a series is mixed with itself at the delays at which it repeats
itself; every layer splits its states into a slow trend and what is left; all future values are predicted at once.

Paper: https://arxiv.org/abs/2106.13008
"""

from typing import Literal

from ...core.errors import ConfigError
from ...core.kinds import Count, Size
from ...core.plugins import lazy
from ...modeling.series_config import SeriesConfig


class AutoformerConfig(SeriesConfig):
    """Hyperparameters: see `SeriesConfig`.

    The decoder begins `label_length` steps before the future; a trend is the mean of `moving_average` steps; the number of
    delays is `autocorrelation_factor` times the logarithm of the length.
    """

    model_type = "autoformer"

    scaling: Literal["mean", "std"] | bool | None = True
    label_length: Count = 10
    moving_average: Size = 25
    autocorrelation_factor: Size = 3

    def validate(self) -> None:
        super().validate()
        if self.moving_average % 2 == 0:
            raise ConfigError(f"AutoformerConfig: moving_average is {self.moving_average}; expected an odd number of steps")


TASKS = {"base": "AutoformerModel", "series-forecasting": "AutoformerForPrediction"}

__getattr__, __dir__ = lazy(__name__, {"model": ["AutoformerPreTrainedModel", "AutoformerModelOutput", *TASKS.values()]})
