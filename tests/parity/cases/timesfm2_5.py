"""TimesFM 2.5: both classes, series of different lengths, grouped keys, biases, further quantiles and none."""

import torch
from kit.families import Case, Head, Inputs

LENGTH = 24


def patches() -> Inputs:
    """Three series; the first values of two are padding."""
    values, padding = torch.randn(3, LENGTH), torch.zeros(3, LENGTH)
    padding[1, :6], padding[2, :9] = 1, 1
    return {"past_values": values, "past_values_padding": padding}


def series() -> Inputs:
    """Three series of different lengths."""
    return {"past_values": [torch.randn(length) * 9 + 1 for length in (40, 17, 9)]}


def real(inputs: Inputs) -> torch.Tensor:
    """Which patches of four end with a value."""
    if "past_values_padding" in inputs:
        return inputs["past_values_padding"][:, 3::4] == 0
    return torch.tensor([[4 * patch + 4 > LENGTH - len(each) for patch in range(6)] for each in inputs["past_values"]])


CASE = Case(
    config_class="TimesFm2_5Config",
    config={
        "patch_length": 4,
        "context_length": LENGTH,
        "horizon_length": 5,
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "intermediate_size": 40,
        "head_dim": 8,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "quantiles": [0.1, 0.5, 0.8],
        "decode_index": 2,
        "output_quantile_len": 7,
        "max_position_embeddings": LENGTH,
    },
    heads={
        "TimesFm2_5ModelForPrediction": Head(series, lambda inputs: {"future_values": torch.randn(3, 5)}, real=real),
        "TimesFm2_5Model": Head(patches, real=real),
    },
    variants={
        "biases": {"attention_bias": True, "use_bias": True, "activation": "relu", "output_quantile_len": 3},
        "one head": {"use_continuous_quantile_head": False, "force_flip_invariance": False, "decode_index": 7},
    },
)
