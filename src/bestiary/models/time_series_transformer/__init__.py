"""Time Series Transformer (Rasul et al. 2022, after Vaswani et al. 2017): an encoder-decoder that continues series.

Differs from BART: a step is no word but the values some lags before it with features of its time, projected; positions are
sinusoids; the decoder gives the parameters of a distribution of each value, from which futures are drawn.

Paper: https://arxiv.org/abs/1706.03762
"""

from ...core.plugins import lazy
from ...modeling.series_config import SeriesConfig


class TimeSeriesTransformerConfig(SeriesConfig):
    """Hyperparameters: see `SeriesConfig`."""

    model_type = "time_series_transformer"


TASKS = {"base": "TimeSeriesTransformerModel", "series-forecasting": "TimeSeriesTransformerForPrediction"}

__getattr__, __dir__ = lazy(__name__, {"model": ["TimeSeriesTransformerPreTrainedModel", *TASKS.values()]})
