"""Inputs that are wrong in every way: each is computed or refused in words; no error of torch's or Python's own comes out."""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from kit.families import Pair, each, every_head, pair
from kit.shallow import shallow
from kit.shared_code import SHARED_HEADS, has_forward_of_its_own

from bestiary.core.errors import ArgumentError, BestiaryError

CHANGES: dict[str, Callable[[torch.Tensor], Any]] = {
    "a list": lambda x: x.tolist(),
    "a text": lambda x: "text",
    "no rows": lambda x: x[:0],
    "nothing in rows": lambda x: x[:, :0] if x.dim() > 1 else x[:0],
    "fewer rows": lambda x: x[:2] if len(x) > 2 else torch.cat([x, x[:1]]),
    "one row": lambda x: x[:1],
    "shorter rows": lambda x: x[:, 1:] if x.dim() > 1 else x[1:],
    "longer rows": lambda x: torch.cat([x, x], -1),
    "one dimension more": lambda x: x[None],
    "one dimension less": lambda x: x[0],
    "one number": lambda x: x.flatten()[0],
    "float64": lambda x: x.double(),
    "float16": lambda x: x.half(),
    "int16": lambda x: x.short(),
    "uint8": lambda x: x.to(torch.uint8),
    "bool": lambda x: x.bool(),
    "complex": lambda x: x.to(torch.complex64),
    "negative": lambda x: -1 - x.abs() if x.dtype != torch.bool else -1 - x.long(),
    "huge": lambda x: torch.full_like(x, 2**62) if x.dtype == torch.int64 else x * 1e30,
    "NaN": lambda x: torch.full_like(x, torch.nan) if x.is_floating_point() else x,
}


@each(every_head())
@torch.no_grad()
def test_a_wrong_input_is_computed_or_refused_in_words(models: Pair) -> None:
    """Code that was tried with all its inputs is not tried again: a shared head with those that the first head takes."""
    model = shallow(models.ours)
    config, arguments = model.config, {**models.inputs, **models.labels}
    names = {name for name, value in arguments.items() if isinstance(value, torch.Tensor)}
    first = pair(models.model_type, next(iter(models.case.heads)))
    if models is not first and not has_forward_of_its_own(models) and (models.model_type, models.name) not in SHARED_HEADS:
        names -= {**first.inputs, **first.labels}.keys()
    problem_type = config.problem_type
    for name in sorted(names):
        for change, make in CHANGES.items():
            try:
                with warnings.catch_warnings(), contextlib.suppress(BestiaryError):
                    warnings.simplefilter("ignore")
                    model(**{**arguments, name: make(arguments[name])})
            except Exception as error:  # noqa: BLE001 (which one it was is what is told)
                pytest.fail(f"{name} changed to {change}: {type(error).__name__}: {error}")
            finally:
                config.problem_type = problem_type


def without_rows(value: Any) -> Any:
    """The input of a batch without a row."""
    if isinstance(value, torch.Tensor):
        return value[:0]
    return [without_rows(part) for part in value] if isinstance(value, list | tuple) else value


@each(every_head())
@torch.no_grad()
def test_an_empty_batch_is_computed_where_the_reference_does(models: Pair) -> None:
    """Where attention cannot shape its heads from nothing, neither does; the sentence says which input is empty."""
    inputs = {name: without_rows(value) for name, value in models.inputs.items()}
    try:
        expected = models.reference(**inputs)
    except (RuntimeError, IndexError, ValueError):
        with pytest.raises(BestiaryError, match=r"shape \(0,.* holds nothing"):
            models.ours(**inputs)
        return
    answer = models.ours(**inputs)
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert answer[name].shape == value.shape


@each(every_head())
def test_a_misspelt_keyword_is_named(models: Pair) -> None:
    with pytest.raises(ArgumentError, match="takes no argument 'output_hidden_state'. Did you mean 'output_hidden_states'"):
        models.ours(**models.inputs, output_hidden_state=True)
    if models.labels:
        label, value = next(iter(models.labels.items()))
        with pytest.raises(ArgumentError, match=f"{models.name} takes no argument '{label}z'. Did you mean '{label}'"):
            models.ours(**models.inputs, **{f"{label}z": value})
    with pytest.raises(ArgumentError, match="takes no argument 'xyzzy'. It takes"):
        models.ours(**models.inputs, xyzzy=1)
