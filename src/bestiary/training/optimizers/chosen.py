"""The class of the optimizer that `TrainingArguments.optim` names, and the arguments it is made with."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from ...core.errors import ArgumentError, MissingDependency, did_you_mean
from ...core.optional import require
from ..choices import OptimizerNames
from ..parameter_names import get_parameter_names
from .kinds import KINDS, Kind
from .layerwise import LayerWiseOptimizer
from .targets import target_modules

Chosen = tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]

# Parameters that weight decay leaves alone: biases, and the scales of normalizations by their names.
NOT_DECAYED = (r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)")
# Arguments that many optimizers share, made of `TrainingArguments`.
_SHARED: dict[str, Callable[[Any], Any]] = {
    "betas": lambda args: (args.adam_beta1, args.adam_beta2),
    "eps": lambda args: args.adam_epsilon,
    "weight_decay": lambda args: args.weight_decay,
    "warmup_steps": lambda args: args.get_warmup_steps(args.max_steps) if args.max_steps > 0 else args.warmup_steps,
}
_DEFAULTS = {"betas": (0.9, 0.999), "eps": 1e-8}
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# Of devices, not of the package index.
_OF_DEVICES = {"torch_xla": "for TPUs", "torch_npu": "for Ascend NPUs", "torchdistx": "of PyTorch's authors, from its source"}


def chosen_optimizer(args: Any, model: nn.Module | None = None) -> Chosen:
    """The class of the optimizer that `args.optim` names, and its arguments.

    `params`, `model` or `optimizer_dict` among the arguments is what it is made of, where it is not the usual groups of
    parameters.

    Raises:
        MissingDependency: its package is not installed. ArgumentError: `optim_args` that it does not take; no model where
        one is needed.
    """
    name = OptimizerNames(args.optim)
    kind = KINDS[name]
    optimizer_class = _class(kind, name.value)
    arguments = _read(args.optim_args)
    group = {each: arguments.pop(each, default) for each, default in (kind.low_rank or {}).items()}
    options: dict[str, Any] = {"lr": args.learning_rate}
    options |= {each: _SHARED[each](args) for each in kind.shared}
    options |= {each: value for each in kind.changed if (value := _SHARED[each](args)) != _DEFAULTS[each]}
    options |= {each: arguments.pop(each, default) for each, default in kind.options.items()}
    if "beta3" in options:
        options["betas"] = (*options["betas"], options.pop("beta3"))
    options |= {each: _dtype(value) for each, value in options.items() if each.endswith("_dtype")}
    _check(optimizer_class, arguments, kind, name.value)
    options |= arguments | dict(kind.fixed)
    if kind.low_rank is None and not kind.of_model:
        return optimizer_class, options
    if model is None:
        raise ArgumentError(f"the optimizer {name.value} is made for a model: get_optimizer_cls_and_kwargs(args, model)")
    if kind.of_model:
        return optimizer_class, options | {"model": model}
    group |= {each: _SHARED[each](args) for each in kind.low_rank_shared}
    groups = low_rank_groups(model, args, group)
    if not kind.layerwise:
        return optimizer_class, options | {"params": groups}
    inner = {
        parameter: optimizer_class([{**each, "params": [parameter]}], **options)
        for each in groups
        for parameter in each["params"]
    }
    return LayerWiseOptimizer, {"lr": args.learning_rate, "params": groups, "optimizer_dict": inner}


def _class(kind: Kind, name: str) -> Any:
    package = kind.module.partition(".")[0]
    try:
        return getattr(require(kind.module, f"the optimizer {name}"), kind.place.partition(":")[2])
    except MissingDependency as error:
        if package in _OF_DEVICES:
            raise MissingDependency(f"{error} ({_OF_DEVICES[package]}); elsewhere take optim='adamw_torch_fused'") from error
        raise
    except AttributeError as error:
        raise MissingDependency(f"the optimizer {name} is {kind.place}, which this release of {package} lacks") from error


def _check(made: Any, given: Mapping[str, Any], kind: Kind, name: str) -> None:
    takes = inspect.signature(made).parameters
    known = [*(each for each in takes if each not in ("params", "model", "lr", *kind.fixed)), *(kind.low_rank or ())]
    for each in given:
        if each not in takes or each not in known:
            raise ArgumentError(
                f"optim_args names {each!r:.60}, which {name} does not take.{did_you_mean(each, known)} It takes"
                f" {', '.join(known)}"
            )


def _dtype(word: Any) -> torch.dtype:
    if word not in _DTYPES:
        raise ArgumentError(f"optim_args names the dtype {word!r:.60}; expected one of {', '.join(_DTYPES)}")
    return _DTYPES[word]


def _read(text: str | None) -> dict[str, Any]:
    """`name=value` pairs with commas between; numbers and true, false, none are read as such."""
    arguments: dict[str, Any] = {}
    for pair in filter(None, (text or "").replace(" ", "").split(",")):
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ArgumentError(f"optim_args is {text!r:.120}; expected name=value pairs with commas between")
        arguments[name] = _value(value)
        if arguments[name] != arguments[name]:
            raise ArgumentError(f"optim_args says {pair!r:.60}; expected a number, not NaN")
    return arguments


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
    trained = trained_parameters(model)
    names = set(decayed)
    with_decay = [each for name, each in trained.items() if name in names]
    without = [each for name, each in trained.items() if name not in names]
    return [{"params": with_decay, "weight_decay": weight_decay}, {"params": without, "weight_decay": 0.0}]


def low_rank_groups(model: nn.Module, args: Any, group: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters to be trained: those that are not targets, and the weights of targets with what `group` says.

    Without weight decay these are two groups; with it, three: all but biases and normalizations are decayed.

    Raises:
        ArgumentError: there are none, or no target is.
    """
    trained = trained_parameters(model)
    targets = {id(module.weight) for module in target_modules(model, args.optim_target_modules).values()}
    others = {name: each for name, each in trained.items() if id(each) not in targets}
    projected = {"params": [each for each in trained.values() if id(each) in targets], **group}
    if not args.weight_decay:
        return [{"params": list(others.values())}, projected]
    decayed = set(decayed_parameter_names(model))
    return [
        {"params": [each for name, each in others.items() if name not in decayed], "weight_decay": 0.0},
        {"params": [each for name, each in others.items() if name in decayed], "weight_decay": args.weight_decay},
        {**projected, "weight_decay": args.weight_decay},
    ]


def trained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Those that require a gradient, by name.

    Raises:
        ArgumentError: there are none.
    """
    trained = {name: each for name, each in model.named_parameters() if each.requires_grad}
    if not trained:
        raise ArgumentError("no parameter of the model requires a gradient, so there is nothing to train; unfreeze some")
    return trained
