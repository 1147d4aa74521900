"""Time Series Transformer: both classes, every scaler and distribution, several series at once, no features."""

from kit.families import Case, Head
from kit.series_inputs import SERIES, future, past, whole

CASE = Case(
    config_class="TimeSeriesTransformerConfig",
    config=SERIES,
    heads={
        "TimeSeriesTransformerForPrediction": Head(past(), future),
        "TimeSeriesTransformerModel": Head(whole(2), config={"input_size": 2, "scaling": "std"}),
    },
    variants={
        "std": {"scaling": "std", "distribution_output": "normal"},
        "unscaled": {"scaling": None, "activation_function": "relu"},
        "counts": {"distribution_output": "negative_binomial"},
    },
)
