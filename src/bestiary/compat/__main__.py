"""`python -m bestiary.compat script.py arguments...` (or `-m module ...`): run it with `transformers` as this library."""

import runpy
import sys
from pathlib import Path

from . import install

USAGE = "usage: python -m bestiary.compat script.py [arguments...]  (or: -m module [arguments...])"


def main(arguments: list[str]) -> int:
    """Run the script or module that `arguments` begin with; returns an exit code when there is none to run."""
    module = arguments[:1] == ["-m"]
    rest = arguments[1:] if module else arguments
    if not rest or rest[0].startswith("-"):
        print(USAGE, file=sys.stderr)  # noqa: T201
        return 2
    if not module and not Path(rest[0]).exists():
        print(f"bestiary.compat: there is no file {rest[0]}. {USAGE}", file=sys.stderr)  # noqa: T201
        return 2
    install()
    sys.argv = rest
    if module:
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(rest[0]).resolve().parent)
        runpy.run_path(rest[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
