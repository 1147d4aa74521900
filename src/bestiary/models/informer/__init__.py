"""Informer (Zhou et al. 2021, "Beyond efficient transformer for long sequence time-series forecasting").

Differs from the Time Series Transformer: only the queries that stand out attend (`attention_type` "prob"), which a sample of
the keys tells; between its layers the encoder halves the series (`distil`).

Paper: https://arxiv.org/abs/2012.07436
"""

from typing import Literal

from ...core.kinds import Rate, Size
from ...core.plugins import lazy
from ...modeling.series_config import SeriesConfig


class InformerConfig(SeriesConfig):
    """Hyperparameters: see `SeriesConfig`. `sampling_factor` times the logarithm of a length are sampled."""

    model_type = "informer"
    attribute_map = {"initializer_range": "init_std"}

    dropout: Rate = 0.05
    attention_type: Literal["prob", "full"] = "prob"
    sampling_factor: Size = 5
    distil: bool = True


TASKS = {"base": "InformerModel", "series-forecasting": "InformerForPrediction"}

__getattr__, __dir__ = lazy(__name__, {"model": ["InformerPreTrainedModel", *TASKS.values()]})
