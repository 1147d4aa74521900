"""`SampledTrial`: a trial that draws its values itself; the shape of it is that of Optuna's trials."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from random import Random
from typing import Any

from ...core.errors import ArgumentError


class SampledTrial:
    """One trial of a search. A value depends on the seed, the number and its name, not on what was drawn before.

    Fields:
        number: from 0 on. params: name -> value, of those that were asked for. user_attrs: for whoever wants to note something.
    """

    def __init__(self, number: int, seed: int) -> None:
        self.number, self.seed = number, seed
        self.params: dict[str, Any] = {}
        self.user_attrs: dict[str, Any] = {}

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> float:
        """A number from `low` to `high`: any, one of those `step` apart, or with `log` one whose logarithm is any."""
        _check(name, low, high, step, log)
        if name not in self.params:
            if step is not None:
                count = math.floor((high - low) / step + 1e-9)
                self.params[name] = low + step * self._below(name, count + 1)
            elif log:
                drawn = math.exp(math.log(low) + (math.log(high) - math.log(low)) * self._part(name))
                self.params[name] = min(max(drawn, low), high)
            else:
                self.params[name] = low + (high - low) * self._part(name)
        value: float = self.params[name]
        return value

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number from `low` to `high`, both among them."""
        _check(name, low, high, None if step == 1 else step, log)
        if name not in self.params:
            if log:
                begin, end = math.log(low - 0.5), math.log(high + 0.5)
                self.params[name] = min(max(round(math.exp(begin + (end - begin) * self._part(name))), low), high)
            else:
                self.params[name] = low + step * self._below(name, (high - low) // step + 1)
        value: int = self.params[name]
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of `choices`.

        Raises:
            ArgumentError: there are none.
        """
        if not len(choices):
            raise ArgumentError(f"{name} has no choices to draw from")
        if name not in self.params:
            self.params[name] = choices[self._below(name, len(choices))]
        return self.params[name]

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """The older name of `suggest_float`."""
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """The older name of `suggest_float` with `log`."""
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """The older name of `suggest_float` with a step."""
        return self.suggest_float(name, low, high, step=q)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Note something."""
        self.user_attrs[key] = value

    def report(self, value: float, step: int) -> None:
        """Nothing hangs on values on the way: where trials are stopped early, `halving` compares them itself."""

    def should_prune(self) -> bool:
        """No."""
        return False

    def _part(self, name: str) -> float:
        return Random(f"{self.seed}/{self.number}/{name}").random()

    def _below(self, name: str, count: int) -> int:
        return min(int(self._part(name) * count), count - 1)


def _check(name: str, low: float, high: float, step: float | None, log: bool) -> None:
    for each in (low, high, 1 if step is None else step):
        if isinstance(each, bool) or not isinstance(each, Real) or not math.isfinite(each):
            raise ArgumentError(f"{name} goes from {low!r:.40} to {high!r:.40}, step {step!r:.40}; expected finite numbers")
    if low > high:
        raise ArgumentError(f"{name} goes from {low!r} to {high!r}; expected the smaller one first")
    if log and low <= 0:
        raise ArgumentError(f"{name} begins at {low!r}, which has no logarithm; expected more than 0, or log=False")
    if log and step is not None:
        raise ArgumentError(f"{name} has a step and log=True; expected one of them")
    if step is not None and step <= 0:
        raise ArgumentError(f"{name} has a step of {step!r}; expected more than 0")


def values_of(space: Any, trial: Any) -> dict[str, Any]:
    """The values of a space for a trial: a dict as it is; a list of parameters as SigOpt had them, drawn by the trial.

    A parameter of a list is a dict with `name`, `type` (double, int, categorical), and `bounds` ({"min", "max"}), `grid` or
    `categorical_values`; `"transformation": "log"` draws the logarithm.

    Raises:
        ArgumentError: something else.
    """
    if isinstance(space, Mapping):
        return dict(space)
    if not isinstance(space, list | tuple):
        raise ArgumentError(
            f"hp_space gave a {type(space).__name__}; expected a dict from arguments to values, or a list of parameters,"
            ' each a dict with "name", "type" and "bounds" or "categorical_values"'
        )
    return {_name_of(each): _drawn(each, trial) for each in space}


def _name_of(parameter: Any) -> str:
    if not isinstance(parameter, Mapping) or not isinstance(parameter.get("name"), str):
        raise ArgumentError(f'hp_space lists {parameter!r:.100}; expected a dict with "name", "type" and "bounds"')
    name: str = parameter["name"]
    return name


def _drawn(parameter: Mapping[str, Any], trial: Any) -> Any:
    name, kind = parameter["name"], parameter.get("type", "double")
    choices = parameter.get("categorical_values") or parameter.get("grid")
    if choices:
        return trial.suggest_categorical(name, [each["name"] if isinstance(each, Mapping) else each for each in choices])
    bounds = parameter.get("bounds")
    if kind not in ("double", "int") or not isinstance(bounds, Mapping) or not {"min", "max"} <= set(bounds):
        raise ArgumentError(
            f'{name} has the type {kind!r:.40} and the bounds {bounds!r:.60}; expected "double" or "int" with'
            ' {"min": ..., "max": ...}, or "categorical" with "categorical_values"'
        )
    # The published default space misspells the key.
    log = "log" in (parameter.get("transformation"), parameter.get("transformamtion"))
    if kind == "int":
        return trial.suggest_int(name, int(bounds["min"]), int(bounds["max"]), log=log)
    return trial.suggest_float(name, float(bounds["min"]), float(bounds["max"]), log=log)
