"""Outputs made of a dictionary or of pairs, beside the published ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from transformers.utils import ModelOutput as Published

from bestiary import ModelOutput
from bestiary.core.errors import InputError

X, Y = torch.ones(1), torch.zeros(2)


def made(base: Any, value: Any, **fields: Any) -> Any:
    """An output of three fields."""

    @dataclass
    class Output(base):  # type: ignore[misc]
        a: Any = None
        b: Any = None
        c: Any = None

    return Output(value, **fields)


@pytest.mark.parametrize(
    "value",
    [
        lambda: {"a": X, "b": Y},
        lambda: {"c": X},
        dict,
        lambda: [("a", X), ("c", Y)],
        lambda: [["b", X]],
        lambda: (("b", X), ("a", Y)),
        lambda: iter([("a", X), ("c", Y)]),
        lambda: X,
        lambda: (X, Y),
        lambda: [X, Y],
        list,
        lambda: 3,
        lambda: None,
    ],
)
def test_as_published(value: Callable[[], Any]) -> None:
    ours, theirs = made(ModelOutput, value()), made(Published, value())
    assert list(ours.keys()) == [name for name in ("a", "b", "c") if name in theirs]
    for name in ("a", "b", "c"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert type(one) is type(other)
        assert one is other or len(one) == len(other)


def test_other_fields_make_it_a_value() -> None:
    for base in (ModelOutput, Published):
        output = made(base, {"a": X}, b=Y)
        assert output.a == {"a": X}
        assert output.b is Y


def test_what_is_no_pair_is_refused() -> None:
    for base in (ModelOutput, Published):
        with pytest.raises(ValueError, match="3"):
            made(base, [("a", X), 3])
    with pytest.raises(InputError, match=r"Output is made of pairs of \['a', 'b', 'c'\] and values; found \('d', 3\)"):
        made(ModelOutput, {"a": X, "d": 3})
