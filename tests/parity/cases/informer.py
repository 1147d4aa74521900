"""Informer: both classes, few of the queries, all of them, no distilling, every scaler of several series at once.

With the usual factor all queries of so short a series stand out, so that nothing depends on what is drawn.
"""

from kit.families import Case, Head
from kit.series_inputs import SERIES, future, past, whole

CASE = Case(
    config_class="InformerConfig",
    config=SERIES,
    heads={
        "InformerForPrediction": Head(past(), future),
        "InformerModel": Head(whole(2), config={"input_size": 2, "scaling": "std"}),
    },
    variants={
        "sparse": {"sampling_factor": 1, "encoder_layers": 3},
        "full": {"attention_type": "full", "distil": False, "scaling": None},
    },
    draws=True,
)
