"""The names that libraries on top of the published one import from it: each is here, or waits, with the reason why.

`imported_names.json` holds them, module -> name -> libraries, as found in the sources of sentence-transformers 6.2, peft 0.21,
accelerate 1.15, setfit 1.2, trl 1.16 and optimum 2.3. Most import the waiting ones where they use them only.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = json.loads((Path(__file__).parent / "imported_names.json").read_text())
WAITING = {
    r"transformers\.models\.(speecht5|t5gemma2)(\..*)?": "families that are not here yet",
    r"transformers\.(distributed|integrations\.tensor_parallel)(\..*)?": "tensor parallelism",
    r"transformers\.integrations\.(eetq|flash_attention|peft)(\..*)?": "quantizers, flash attention, adapters",
    r"transformers\.modeling_flash_attention_utils\.lazy_import_flash_attention": "flash attention",
    r"transformers\.utils\.chat_template_utils\._get_template_variables": "private names",
}


@pytest.fixture(scope="module")
def absent() -> set[str]:
    """Those that an import does not find."""
    code = (
        "import bestiary.compat, importlib, json, sys, warnings; bestiary.compat.install()\n"
        "warnings.simplefilter('ignore')\nabsent = []\n"
        "for module, names in json.load(sys.stdin).items():\n"
        "    for name in names:\n"
        "        try:\n            exec(f'from {module} import {name}')\n"
        "        except ImportError:\n            absent.append(f'{module}.{name}')\n"
        "print(json.dumps(absent))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps(NAMES), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def waits(name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in WAITING)


def test_what_is_absent_waits(absent: set[str]) -> None:
    assert sorted(name for name in absent if not waits(name)) == []


@pytest.mark.parametrize("pattern", WAITING)
def test_what_waits_is_absent(absent: set[str], pattern: str) -> None:
    """Shorten the table when what it waits for has come."""
    assert any(re.fullmatch(pattern, name) for name in absent)


def test_most_are_here(absent: set[str]) -> None:
    names = {f"{module}.{name}" for module, names in NAMES.items() for name in names}
    assert len(names) > 200
    assert len(absent) < len(names) / 2
