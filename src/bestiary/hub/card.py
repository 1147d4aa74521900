"""A minimal model card: facts that can be read from the files, and the questions only the author can answer."""

import json
from pathlib import Path
from typing import Any

from ..core.files import read_json


def model_card(repo_id: str, folder: Path, tags: list[str]) -> str:
    """The README.md of a repository: a YAML header that the hub reads, then what is known of the files in `folder`."""
    path = folder / "config.json"
    config: dict[str, Any] = read_json(path) if path.is_file() else {}
    kind = config.get("model_type")
    header = ["---", "library_name: transformers"]
    labels = [*([kind] if kind else []), *tags]
    header += ["tags:", *(f"- {json.dumps(tag)}" for tag in labels)] if labels else []
    facts = [
        f"- architecture: {', '.join(config['architectures'])}" if config.get("architectures") else "",
        f"- model type: {kind}" if kind else "",
        f"- dtype of the weights: {config['dtype']}" if config.get("dtype") else "",
    ]
    questions = ["## What it does", "## Data and training", "## Limits and risks"]
    parts = [*header, "---", "", f"# {repo_id.rpartition('/')[2]}", "", *(fact for fact in facts if fact), ""]
    return "\n".join(parts + [line for question in questions for line in (question, "", "Not stated.", "")])
