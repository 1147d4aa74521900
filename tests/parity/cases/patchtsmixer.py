"""PatchTSMixer: every head, both masks, every distribution and pooling, series mixed, attention, positions, batch norms."""

from kit.families import Case, Head
from kit.patched_inputs import alone, classes, observed, targets, values

MASK = "observed_mask"

CASE = Case(
    config_class="PatchTSMixerConfig",
    config={
        "num_input_channels": 2,
        "context_length": 15,
        "patch_length": 4,
        "patch_stride": 3,
        "num_layers": 2,
        "d_model": 32,
        "prediction_length": 3,
        "num_parallel_samples": 2,
    },
    heads={
        "PatchTSMixerForPrediction": Head(values(MASK), targets("future_values", 3, 2)),
        "PatchTSMixerModel": Head(values(MASK)),
        "PatchTSMixerForPretraining": Head(alone, observed(MASK), config={"mask_type": "forecast"}),
        "PatchTSMixerForRegression": Head(alone, targets("target_values", 3), config={"output_range": [-1.0, 2.5]}),
        "PatchTSMixerForTimeSeriesClassification": Head(alone, classes, config={"head_aggregation": None}),
    },
    variants={
        "student": {"loss": "nll", "prediction_channel_indices": [1], "scaling": "mean", "norm_mlp": "BatchNorm"},
        "counts": {"loss": "nll", "distribution_output": "negative_binomial", "scaling": None, "gated_attn": False},
        "mixed": {"mode": "mix_channel", "self_attn": True, "self_attn_heads": 4, "scaling": True},
        "placed": {"use_positional_encoding": True, "prediction_channel_indices": [1, 0], "expansion_factor": 3},
    },
    draws=True,
)
