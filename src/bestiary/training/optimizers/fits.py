"""Whether the stored state of an optimizer fits its parameters, looked at before the optimizer takes it."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

# What torch's own optimizers keep of a parameter in its shape, by class; and what of it they cannot do without.
_MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg")
_NEEDED = {
    "Adam": ("step", "exp_avg", "exp_avg_sq"),
    "AdamW": ("step", "exp_avg", "exp_avg_sq"),
    "RMSprop": ("step", "square_avg"),
}


def check_fits(optimizer: Any, stored: Any, names: Mapping[int, str]) -> None:
    """Refuse a state of other shapes, without what the optimizer needs, or with NaN.

    Args:
        names: of parameters, by `id`.

    Raises:
        ValueError: it names the parameter.
    """
    is_torch = type(optimizer).__module__.startswith("torch.optim")
    if not hasattr(optimizer, "param_groups") or (isinstance(stored, Mapping) and "state" not in stored and not is_torch):
        return
    if not isinstance(stored, Mapping) or not isinstance(stored.get("state"), Mapping):
        raise ValueError("it does not hold the state of an optimizer")
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    for index, values in stored["state"].items():
        known = isinstance(index, int) and 0 <= index < len(parameters)
        name = names.get(id(parameters[index]), str(index)) if known else str(index)
        for each, value in _tensors(values):
            if value.is_floating_point() and value.isnan().any():
                raise ValueError(f"{each} of the parameter {name} holds NaN; go on from an earlier checkpoint")
        if known and is_torch and values:
            _check_parameter(type(optimizer).__name__, parameters[index], values, name)


def _check_parameter(kind: str, parameter: Tensor, values: Any, name: str) -> None:
    if not isinstance(values, Mapping):
        raise ValueError(f"the state of the parameter {name} is a {type(values).__name__}; expected a table")
    if missing := [each for each in _NEEDED.get(kind, ()) if each not in values]:
        raise ValueError(f"the state of the parameter {name} lacks {', '.join(missing)}")
    for each in _MOMENTS:
        value = values.get(each)
        if value is None:
            continue
        shape = tuple(value.shape) if isinstance(value, Tensor) else f"a {type(value).__name__}"
        if shape != tuple(parameter.shape):
            raise ValueError(f"{each} of the parameter {name} is {shape}; expected the shape {tuple(parameter.shape)}")


def _tensors(values: Any, name: str = "the state") -> Iterator[tuple[str, Tensor]]:
    if isinstance(values, Tensor):
        yield name, values
    elif isinstance(values, Mapping):
        for key, value in values.items():
            yield from _tensors(value, str(key))
