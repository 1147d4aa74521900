"""PatchTST: every head, both masks, every distribution, attention between series, a class token, every norm and pooling."""

from kit.families import Case, Head
from kit.patched_inputs import alone, classes, observed, targets, values

MASK = "past_observed_mask"

CASE = Case(
    config_class="PatchTSTConfig",
    config={
        "num_input_channels": 2,
        "context_length": 15,
        "patch_length": 4,
        "patch_stride": 3,
        "num_hidden_layers": 2,
        "d_model": 32,
        "num_attention_heads": 4,
        "ffn_dim": 40,
        "prediction_length": 3,
        "num_targets": 3,
        "num_parallel_samples": 2,
    },
    heads={
        "PatchTSTForPrediction": Head(values(MASK), targets("future_values", 3, 2)),
        "PatchTSTModel": Head(values(MASK)),
        "PatchTSTForPretraining": Head(
            alone, observed(MASK), config={"channel_consistent_masking": True, "use_cls_token": True}
        ),
        "PatchTSTForRegression": Head(values(MASK), targets("target_values", 3), config={"output_range": [-1.0, 2.5]}),
        "PatchTSTForClassification": Head(alone, classes, config={"pooling_type": "max"}),
    },
    variants={
        "student": {"loss": "nll", "scaling": "mean", "pooling_type": None, "norm_type": "layernorm"},
        "counts": {"loss": "nll", "distribution_output": "negative_binomial", "use_cls_token": True, "scaling": None},
        "channels": {"channel_attention": True, "share_embedding": False, "pre_norm": False, "activation_function": "relu"},
        "random": {"positional_encoding_type": "random", "bias": False, "do_mask_input": True},
    },
    draws=True,
)
