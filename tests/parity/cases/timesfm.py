"""TimesFM: both classes, series of different lengths, decomposed ones, missing values, and positions."""

import torch
from kit.families import Case, Head, Inputs

LENGTH = 24


def patches() -> Inputs:
    """Three series; the first values of two are padding, and one value is missing."""
    values, padding = torch.randn(3, LENGTH), torch.zeros(3, LENGTH)
    padding[1, :6], padding[2, :9] = 1, 1
    values[0, 10] = 1123581321.0
    return {"past_values": values, "past_values_padding": padding, "freq": torch.tensor([[0], [2], [1]])}


def series() -> Inputs:
    """Three series of different lengths."""
    return {"past_values": [torch.rand(length) * 9 + 1 for length in (40, 17, 9)], "freq": [0, 2, 1]}


def real_patches(inputs: Inputs) -> torch.Tensor:
    """(3, patches): where a patch of four holds a value. Padding attends to nothing, for which every kernel has an answer."""
    values = inputs["past_values"]
    padding = inputs.get("past_values_padding")
    if padding is None:
        padding = torch.stack([torch.arange(LENGTH) < LENGTH - len(row) for row in values]).float()
    return padding.unflatten(1, (-1, 4)).amin(-1) == 0


CASE = Case(
    config_class="TimesFmConfig",
    config={
        "patch_length": 4,
        "context_length": LENGTH,
        "horizon_length": 5,
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "intermediate_size": 40,
        "head_dim": 8,
        "num_attention_heads": 4,
        "quantiles": [0.1, 0.5, 0.8],
    },
    heads={
        "TimesFmModelForPrediction": Head(series, lambda inputs: {"future_values": torch.randn(3, 5)}, real=real_patches),
        "TimesFmModel": Head(patches, config={"use_positional_embedding": True, "max_timescale": 100}, real=real_patches),
    },
    variants={"positions": {"use_positional_embedding": True}},
)
