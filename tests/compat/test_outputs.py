"""Every output class of `transformers.modeling_outputs` is found under its path; those of `compat.outputs` have its fields."""

import ast
import inspect
import pickle
from dataclasses import fields

import pytest
import torch
from transformers import modeling_outputs

from bestiary.compat import outputs
from bestiary.compat.names import MODULES, RENAMED
from bestiary.core import mixture_outputs, series_outputs
from bestiary.core import outputs as core

NAMES = [each.name for each in ast.parse(inspect.getsource(modeling_outputs)).body if isinstance(each, ast.ClassDef)]
HERE = sorted(outputs._FIELDS)


def test_all_are_here() -> None:
    assert MODULES["modeling_outputs"] == ("core.outputs", "core.series_outputs", "core.mixture_outputs", "compat.outputs")
    here = {*dir(core), *dir(series_outputs), *dir(mixture_outputs), *HERE, *RENAMED["modeling_outputs"]}
    assert [name for name in NAMES if name not in here] == []
    assert len(NAMES) > 40


@pytest.mark.parametrize("name", HERE)
def test_fields(name: str) -> None:
    ours, theirs = getattr(outputs, name), getattr(modeling_outputs, name)
    names = [each.name for each in fields(theirs)]
    assert [each.name for each in fields(ours)] == names
    values = {names[0]: torch.ones(2), names[-1]: torch.zeros(1)}
    output = ours(**values)
    assert list(output.keys()) == list(theirs(**values).keys())
    assert output[0] is values[names[0]]
    assert torch.equal(pickle.loads(pickle.dumps(output))[0], output[0])  # noqa: S301
