"""Packages of the extra `test` that ship trained weights."""

from importlib.util import find_spec
from pathlib import Path


def package(name: str) -> Path:
    """The folder of an installed package."""
    spec = find_spec(name)
    assert spec is not None, f"the package {name} is not installed; it belongs to the extra test"
    assert spec.origin is not None
    return Path(spec.origin).parent
