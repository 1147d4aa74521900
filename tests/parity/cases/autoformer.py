"""Autoformer: both classes, every scaler, several series at once, a future as long as the context."""

from kit.families import Case, Head
from kit.series_inputs import SERIES, future, past, whole

CASE = Case(
    config_class="AutoformerConfig",
    config={**SERIES, "label_length": 4, "moving_average": 5, "autocorrelation_factor": 1},
    heads={
        "AutoformerForPrediction": Head(past(), future),
        "AutoformerModel": Head(whole(2), config={"input_size": 2, "scaling": "std"}),
    },
    variants={
        "long": {"label_length": 9, "autocorrelation_factor": 3, "moving_average": 3, "scaling": "std"},
        "counts": {"distribution_output": "negative_binomial", "scaling": False},
    },
)
