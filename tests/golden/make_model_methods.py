"""Writes model_methods.json: what methods of models give that the current release of the reference no longer has.

Run with release 4.46.3 of it, from the folder `tests`:

    PYTHONPATH=. python golden/make_model_methods.py
"""

import json
from pathlib import Path

import transformers
from kit import model_methods


def main() -> None:
    answers = {"transformers": transformers.__version__, "helpers": model_methods.helpers(transformers)}
    answers["pruned"] = {name: model_methods.pruned(transformers, name) for name in model_methods.PRUNED}
    path = Path(__file__).parent / "model_methods.json"
    path.write_text(json.dumps(answers, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
