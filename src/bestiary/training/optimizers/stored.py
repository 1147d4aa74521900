"""What a checkpoint keeps of an optimizer: tensors, numbers and texts, whatever its package keeps in its state."""

import sys
from collections.abc import Mapping
from typing import Any

# What an optimizer keeps beside the state that torch knows of (AdaLOMO).
_BESIDE = ("exp_avg_sq", "exp_avg_sq_row", "exp_avg_sq_col", "step_num")
# Where GrokAdamW keeps the state of parameters: in their group, by parameter; stored in the order of parameters.
_IN_GROUP = "state"
_CLASS, _FIELDS = "__class__", "__fields__"


def state_to_store(optimizer: Any) -> dict[str, Any]:
    """Its state; an object in it becomes a table of its class and fields."""
    state = _plain(optimizer.state_dict())
    for group, own in zip(state.get("param_groups", ()), getattr(optimizer, "param_groups", ()), strict=False):
        if _IN_GROUP in own:
            group[_IN_GROUP] = [_plain(own[_IN_GROUP].get(each, {})) for each in own["params"]]
    beside = {name: getattr(optimizer, name) for name in _BESIDE if name in vars(optimizer)}
    return {**state, "beside": beside} if beside else state


def take_stored(optimizer: Any, stored: dict[str, Any]) -> None:
    """Give an optimizer the state that another of its kind stored.

    Raises:
        ValueError: it holds an object that is not of the optimizer's own package.
    """
    beside = stored.get("beside", {})
    package = _packages(optimizer)
    optimizer.load_state_dict(_remade({name: value for name, value in stored.items() if name != "beside"}, package))
    for group in getattr(optimizer, "param_groups", ()):
        if isinstance(group.get(_IN_GROUP), list):
            group[_IN_GROUP] = {
                parameter: each for parameter, each in zip(group["params"], group[_IN_GROUP], strict=True) if each
            }
    for name, value in beside.items():
        if name not in _BESIDE:
            raise ValueError(f"it holds {name!r:.60} of another kind of optimizer")
        setattr(optimizer, name, value)


def _packages(optimizer: Any) -> set[str]:
    inner = getattr(optimizer, "optimizer_dict", None) or {}
    return {type(each).__module__.partition(".")[0] for each in (optimizer, *inner.values())}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(each) for each in value)
    # Low-rank optimizers keep an object that projects gradients.
    if type(value).__module__.partition(".")[0] in ("galore_torch", "apollo_torch"):
        return {_CLASS: f"{type(value).__module__}:{type(value).__qualname__}", _FIELDS: _plain(vars(value))}
    return value


def _remade(value: Any, packages: set[str]) -> Any:
    if isinstance(value, Mapping) and _CLASS in value:
        module, _, name = str(value[_CLASS]).partition(":")
        stored_class: Any = getattr(sys.modules.get(module), name, None)
        if module.partition(".")[0] not in packages or not isinstance(stored_class, type):
            raise ValueError(f"it holds a {value[_CLASS]!r:.80}, which is none of its own classes")
        remade: Any = object.__new__(stored_class)
        vars(remade).update(_remade(value[_FIELDS], packages))
        return remade
    if isinstance(value, Mapping):
        return {name: _remade(each, packages) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_remade(each, packages) for each in value)
    return value
