"""Folders of small vocabularies, made once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit import tokenizer_files

from bestiary.core.logging import forget_warnings


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("vocabularies")
    return lambda kind: tokenizer_files.write(kind, root)


@pytest.fixture(autouse=True)
def _warnings_anew() -> Iterator[None]:
    forget_warnings()
    yield
    forget_warnings()
