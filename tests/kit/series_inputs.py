"""Inputs of models of series."""

from collections.abc import Callable
from typing import Any

import torch

from .families import Inputs

CONTEXT, HORIZON, LAGS = 10, 4, [1, 2, 5]

SERIES: dict[str, Any] = {
    "prediction_length": HORIZON,
    "context_length": CONTEXT,
    "lags_sequence": LAGS,
    "num_time_features": 2,
    "num_dynamic_real_features": 1,
    "num_static_categorical_features": 2,
    "num_static_real_features": 1,
    "cardinality": [5, 3],
    "embedding_dimension": [4, 2],
    "d_model": 32,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 48,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "num_parallel_samples": 3,
}
"""What the configs of all families with encoder and decoder say."""


def past(*channels: int) -> Callable[[], Inputs]:
    """Three series, some values of which are missing, with all kinds of features; of several `channels`, if there are."""

    def make() -> Inputs:
        length = CONTEXT + max(LAGS)
        observed = torch.ones(3, length, *channels)
        observed[1, 6:9], observed[2, :5] = 0, 0
        return {
            "past_values": torch.randint(0, 30, (3, length, *channels)) * observed,
            "past_time_features": torch.randn(3, length, 3),
            "past_observed_mask": observed,
            "static_categorical_features": torch.tensor([[4, 0], [1, 2], [0, 1]]),
            "static_real_features": torch.randn(3, 1),
            "future_time_features": torch.randn(3, HORIZON, 3),
        }

    return make


def future(inputs: Inputs) -> Inputs:
    """How they go on, in whole numbers; one is not observed."""
    shape = (3, HORIZON, *inputs["past_values"].shape[2:])
    observed = torch.ones(shape)
    observed[0, 1] = 0
    return {"future_values": torch.randint(0, 30, shape).float(), "future_observed_mask": observed}


def whole(*channels: int) -> Callable[[], Inputs]:
    """Past and future of a model without a head."""

    def make() -> Inputs:
        inputs = past(*channels)()
        return {**inputs, "future_values": future(inputs)["future_values"]}

    return make
