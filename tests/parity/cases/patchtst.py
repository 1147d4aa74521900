"""PatchTST: every head, both masks, every distribution, attention between series, a class token, every norm and pooling."""

from collections.abc import Callable

import torch
from kit.families import Case, Head, Inputs


def values() -> Inputs:
    """Three batches of two series; some values are missing."""
    observed = torch.ones(3, 15, 2)
    observed[1, 3:6, 0], observed[2, :4] = 0, 0
    return {"past_values": torch.randint(0, 20, (3, 15, 2)) * observed, "past_observed_mask": observed}


def alone() -> Inputs:
    """Values without a mask."""
    return {"past_values": torch.randn(3, 15, 2)}


def observed(inputs: Inputs) -> Inputs:
    """What was observed: the loss of hidden patches needs no labels."""
    mask = torch.ones(3, 15, 2)
    mask[0, 2:5] = 0
    return {"past_observed_mask": mask}


def targets(name: str, *shape: int) -> Callable[[Inputs], Inputs]:
    """Whole numbers of this shape in each row."""
    return lambda inputs: {name: torch.randint(0, 9, (3, *shape)).float()}


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
        "PatchTSTForPrediction": Head(values, targets("future_values", 3, 2)),
        "PatchTSTModel": Head(values),
        "PatchTSTForPretraining": Head(alone, observed, config={"channel_consistent_masking": True, "use_cls_token": True}),
        "PatchTSTForRegression": Head(values, targets("target_values", 3), config={"output_range": [-1.0, 2.5]}),
        "PatchTSTForClassification": Head(
            alone, lambda inputs: {"target_values": torch.tensor([2, 0, 1])}, config={"pooling_type": "max"}
        ),
    },
    variants={
        "student": {"loss": "nll", "scaling": "mean", "pooling_type": None, "norm_type": "layernorm"},
        "counts": {"loss": "nll", "distribution_output": "negative_binomial", "use_cls_token": True, "scaling": None},
        "channels": {"channel_attention": True, "share_embedding": False, "pre_norm": False, "activation_function": "relu"},
        "random": {"positional_encoding_type": "random", "bias": False, "do_mask_input": True},
    },
    draws=True,
)
