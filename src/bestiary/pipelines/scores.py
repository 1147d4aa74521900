"""Logits to scores, and scores to labelled answers: shared by the classifiers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.explicit_enum import ExplicitEnum
from ..core.kinds import Whole, fits


class ClassificationFunction(ExplicitEnum):
    """The functions that turn logits into scores."""

    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"
    NONE = "none"


def read_function(name: Any) -> ClassificationFunction | None:
    """The function called `name`; None for "default", which leaves the choice to the model."""
    if name is None or name == "default":
        return None
    if not isinstance(name, str) or name.lower() not in tuple(ClassificationFunction):
        names = ", ".join(map(str, ("default", *ClassificationFunction)))
        raise InputError(f"function_to_apply is {name!r:.80}; expected one of {names}")
    return ClassificationFunction(name.lower())


def suited_function(config: Any) -> ClassificationFunction:
    """What a model was trained with: nothing for regression, a sigmoid for one label or several at once, else a softmax."""
    kind = config.problem_type
    if kind == "regression":
        return ClassificationFunction.NONE
    if kind == "multi_label_classification" or (config.num_labels == 1 and kind is None):
        return ClassificationFunction.SIGMOID
    return ClassificationFunction.SOFTMAX


def scores(logits: Tensor, function: ClassificationFunction) -> Tensor:
    """(N,) logits to (N,) scores, in fp32."""
    logits = logits.float()
    if function is ClassificationFunction.SIGMOID:
        return logits.sigmoid()
    return logits.softmax(-1) if function is ClassificationFunction.SOFTMAX else logits


def best(values: Tensor, names: Mapping[int, str] | None, top_k: int | None) -> list[dict[str, Any]]:
    """The `top_k` best of (N,) scores (all for None), as `{"label", "score"}`."""
    if not torch.isfinite(values).all():
        raise InputError("the model gave scores that are not finite (NaN or infinite); check its weights and dtype")
    count = len(values) if top_k is None else min(check_top_k(top_k), len(values))
    top_scores, indices = values.topk(count)
    labels = names or {}
    return [
        {"label": labels.get(index, f"LABEL_{index}"), "score": score}
        for score, index in zip(top_scores.tolist(), indices.tolist(), strict=True)
    ]


def check_top_k(top_k: Any) -> int:
    """`top_k` if it is a whole number from 0."""
    if not fits(top_k, Whole):
        raise InputError(f"top_k is {top_k!r:.80}; expected a whole number from 1, or None for all")
    return int(top_k)
