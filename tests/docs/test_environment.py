"""The page of environment variables lists those that the source reads, and no others."""

import ast
import re
from pathlib import Path

from huggingface_hub import constants

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
OURS, OTHERS = PAGE.split("Variables that the libraries below it read")
NAME = re.compile("[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
PREFIXES = ("BESTIARY_", "TRANSFORMERS_", "PYTORCH_", "HF_", "HUGGINGFACE_", "XDG_", "OMP_", "TOKENIZERS_", "CUDA_", "PYTHON")


def listed(text: str) -> set[str]:
    """The variables in the first column of the table in `text`."""
    return {name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`([A-Z0-9_]+)`", row)}


def read_by_the_source() -> set[str]:
    """Names like variables in files that read the environment, and names with the beginning of a variable in any file."""
    names = set()
    for path in (ROOT / "src").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        texts = {
            node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant) and node.value.__class__ is str
        }
        names |= {
            text
            for text in texts
            if (NAME.fullmatch(text) or text in ("CI", "RANK")) and ("environ" in source or text.startswith(PREFIXES))
        }
    return names


def test_the_page_lists_what_the_source_reads() -> None:
    assert listed(OURS) == read_by_the_source()


def test_the_environment_is_read_by_name() -> None:
    """No file copies the whole environment or reads a variable whose name is put together."""
    for path in (ROOT / "src").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "getenv" not in source, path
        assert not re.search(r"environ\b(?!\.get\(|\.setdefault\(|\.pop\(|\[)", source.replace("in os.environ", "")), path
        assert not re.search(r"environ(\.\w+\(|\[)f[\"']", source), path


def test_variables_of_the_client_are_its_own() -> None:
    client = Path(constants.__file__).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| huggingface_hub \|", OTHERS, re.MULTILINE)
    assert len(rows) >= 5
    for name in rows:
        assert name in client, name
