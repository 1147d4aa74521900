"""A command line as a fixture."""

import io
import sys
from collections.abc import Callable

import pytest

from bestiary.cli import main

Result = tuple[int, str, str]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command line; returns exit code, stdout, stderr."""

    def run(*arguments: str, stdin: str | bytes = "") -> Result:
        content = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        monkeypatch.setattr("warnings.showwarning", None)
        capsys.readouterr()  # what saving checkpoints printed
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run
