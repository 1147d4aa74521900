"""Activations as modules, beside the published ones."""

import pickle
from typing import Any

import pytest
import torch
import transformers.activations as theirs
from torch import nn

from bestiary.compat import activations as ours

NAMES = list(theirs.ACT2FN)


@pytest.mark.parametrize("name", NAMES)
def test_by_name(name: str) -> None:
    x = torch.linspace(-12, 12, 101)
    module = ours.ACT2FN[name]
    assert isinstance(module, nn.Module)
    assert ours.ACT2FN[name] is not module
    torch.testing.assert_close(module(x), theirs.ACT2FN[name](x), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours.get_activation(name)(x), theirs.get_activation(name)(x), rtol=1e-5, atol=1e-6)
    assert isinstance(pickle.loads(pickle.dumps(module)), type(module))  # noqa: S301 (our own)


def test_the_table() -> None:
    assert set(ours.ACT2FN) == set(NAMES)
    assert "gelu" in ours.ACT2FN
    for module in (ours, theirs):
        with pytest.raises(KeyError, match="gelou"):
            module.get_activation("gelou")
        with pytest.raises(KeyError):
            module.ACT2FN["gelou"]


CLASSES = [name for name in vars(theirs) if name.endswith(("Activation", "GELUTanh"))]


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name: str) -> None:
    arguments = (-1, 2) if name == "ClippedGELUActivation" else ()
    x = torch.linspace(-4, 4, 50)
    answers = [getattr(module, name)(*arguments)(x) for module in (ours, theirs)]
    torch.testing.assert_close(*answers, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_trained_activation(dtype: torch.dtype) -> None:
    """Its weights have the published names, and train alike."""
    mine, other = (module.XIELUActivation(0.9, 1.1, 0.4, dtype=dtype) for module in (ours, theirs))
    assert dict(mine.state_dict()) == dict(other.state_dict())
    x = torch.linspace(-4, 4, 50, dtype=dtype)
    for module in (mine, other):
        module(x).square().sum().backward()
    for name, weight in mine.named_parameters():
        torch.testing.assert_close(weight.grad, other.get_parameter(name).grad)


def test_a_table_of_ones_own() -> None:
    for module in (ours, theirs):
        table = module.ClassInstantier({"clipped": (module.ClippedGELUActivation, {"min": 0, "max": 1}), "relu": nn.ReLU})
        assert isinstance(table["relu"], nn.ReLU)
        assert float(table["clipped"](torch.tensor(5.0))) == 1


def test_bounds_of_clipping() -> None:
    for module in (ours, theirs):
        refused: Any = module.ClippedGELUActivation
        with pytest.raises(ValueError, match="min"):
            refused(2, 1)


@pytest.mark.parametrize("name", ["gelu", "gelu_new", "gelu_fast", "quick_gelu", "silu", "mish"])
def test_functions(name: str) -> None:
    x = torch.linspace(-4, 4, 50)
    torch.testing.assert_close(getattr(ours, name)(x), getattr(theirs, name)(x), rtol=1e-5, atol=1e-6)


def test_the_function_of_gelu():
    x = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(ours.gelu_python(x), theirs.gelu_python(x), rtol=1e-6, atol=1e-6)
