"""The optimizers that `TrainingArguments.optim` names, with the arguments of each."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..core.errors import ArgumentError
from .adafactor import Adafactor
from .arguments import TrainingArguments
from .choices import OptimizerNames
from .parameter_names import get_parameter_names

Chosen = tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]

# Parameters that weight decay leaves alone: biases, and the scales of normalizations by their names.
NOT_DECAYED = (r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)")


def chosen_optimizer(args: TrainingArguments) -> Chosen:
    """The class of the optimizer that `args.optim` names, and its arguments.

    Raises:
        ArgumentError: `optim_args` that cannot be read.
    """
    name = OptimizerNames(args.optim)
    given = _read(args.optim_args)
    rate: dict[str, Any] = {"lr": args.learning_rate}
    adam = {"betas": (args.adam_beta1, args.adam_beta2), "eps": args.adam_epsilon}
    if name in (OptimizerNames.ADAMW_TORCH, OptimizerNames.ADAMW_TORCH_FUSED):
        fused = {"fused": True} if name == OptimizerNames.ADAMW_TORCH_FUSED else {}
        return torch.optim.AdamW, rate | adam | fused | given
    if name == OptimizerNames.ADAFACTOR:
        return Adafactor, rate | {"scale_parameter": False, "relative_step": False} | given
    if name == OptimizerNames.SGD:
        return torch.optim.SGD, rate | given
    if name == OptimizerNames.ADAGRAD:
        return torch.optim.Adagrad, rate | given
    return torch.optim.RMSprop, rate | given


def _read(text: str | None) -> dict[str, Any]:
    """`name=value` pairs with commas between; numbers and true, false, none are read as such."""
    given: dict[str, Any] = {}
    for pair in filter(None, (text or "").replace(" ", "").split(",")):
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ArgumentError(f"optim_args is {text!r:.120}; expected name=value pairs with commas between")
        given[name] = _value(value)
    return given


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def decayed_parameter_names(model: nn.Module) -> list[str]:
    """The parameters that weight decay makes smaller: all but biases and those of normalizations."""
    return get_parameter_names(model, (nn.LayerNorm,), NOT_DECAYED)


def parameter_groups(model: nn.Module, weight_decay: float, decayed: list[str]) -> list[dict[str, Any]]:
    """The parameters to be trained in two groups, with and without decay.

    Raises:
        ArgumentError: there are none.
    """
    trained = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
    if not trained:
        raise ArgumentError("no parameter of the model requires a gradient, so there is nothing to train; unfreeze some")
    names = set(decayed)
    with_decay = [each for name, each in trained if name in names]
    without = [each for name, each in trained if name not in names]
    return [{"params": with_decay, "weight_decay": weight_decay}, {"params": without, "weight_decay": 0.0}]
