"""Runs every script of `scripts/` on the checkpoints in argv[1]; prints one JSON object: script -> what it printed."""

import contextlib
import io
import json
import runpy
import traceback
from pathlib import Path

printed = {}
for script in sorted((Path(__file__).parent / "scripts").glob("*.py")):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        try:
            runpy.run_path(str(script), run_name="__main__")
        except Exception:  # noqa: BLE001 (told to the test)
            print(traceback.format_exc())  # noqa: T201
    printed[script.name] = output.getvalue()
print(json.dumps(printed))  # noqa: T201
