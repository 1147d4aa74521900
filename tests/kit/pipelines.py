"""Our pipeline and the reference's over the same checkpoint, and how their answers are compared."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from bestiary.pipelines import pipeline

TOLERANCE = 1e-5


@functools.cache
def reference(task: str, folder: Path) -> Any:
    """The reference's pipeline."""
    return transformers.pipeline(task, str(folder), device="cpu")


@functools.cache
def ours(task: str, folder: Path) -> Any:
    """Our pipeline. Cached: tests must not change it."""
    return pipeline(task, folder, device="cpu")


def same(found: Any, expected: Any, where: str = "") -> None:
    """Assert that two answers have one structure, equal texts and numbers equal to 1e-5."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        assert list(found) == list(expected) or set(found) == set(expected), where
        for key, value in expected.items():
            same(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list | tuple):
        assert isinstance(found, list | tuple), where
        assert len(found) == len(expected), where
        for index, (a, b) in enumerate(zip(found, expected, strict=True)):
            same(a, b, f"{where}[{index}]")
    elif isinstance(expected, torch.Tensor):
        torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=TOLERANCE)
    elif isinstance(expected, float | np.floating):
        assert abs(float(found) - float(expected)) < TOLERANCE, f"{where}: {found}, expected {expected}"
    else:
        assert found == expected, f"{where}: {found!r}, expected {expected!r}"
