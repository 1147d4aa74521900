"""Families are found by name: without importing another, before a list knows them, and whatever another family's file holds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bestiary
from bestiary.core.errors import UnknownArchitecture
from bestiary.modeling.families import class_named, config_class, families
from bestiary.nn.activation_names import ACTIVATION_NAMES
from bestiary.nn.activations import ACTIVATIONS

NEW = '''
from typing import ClassVar

from ...core.kinds import Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ..llama import LlamaConfig


class ChimeraConfig(PreTrainedConfig):
    """Declared here."""

    model_type: ClassVar[str] = "chimera"
    hidden_size: Size = 8


class ChimeraTailConfig(PreTrainedConfig):
    """A part whose name does not begin like the folder's."""

    model_type: ClassVar[str] = "serpent-tail"
    hidden_size: Size = 4


class ChimeraTextConfig(LlamaConfig):
    """Inherits the model_type of a relative, and claims none."""


TASKS = {"base": "ChimeraModel"}
PARTS = {"serpent-tail": {"base": "SerpentModel"}}
PREPROCESSORS = {"tokenizer": "LlamaTokenizer"}
__getattr__, __dir__ = lazy(__name__, {"model": ["ChimeraModel", "SerpentModel"]})
'''
MODEL = "class ChimeraModel:\n    pass\n\n\nclass SerpentModel:\n    pass\n"
BROKEN = (
    'import no_such_module\nTASKS = {"base": "ChimeraModel", "x": "NoSuchModel", "y": "serpent-tail", "z": "no-such-type"}\n'
)
LOADED = (
    "\nimport sys\nprint(sorted({name.split('.')[2] for name in sys.modules if name.startswith('bestiary.models.')}))"
    "\nprint('torch' in sys.modules)"
)


def python(code: str, package: Path | None = None) -> list[str]:
    """The lines that `code` prints in a process of its own, with the library from `package`."""
    environment = {**os.environ, "PYTHONPATH": str((package or Path(bestiary.__file__).parent).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


FIND = "from bestiary.modeling.families import *\n"
TRY = "\ntry:\n    print(config_class('{0}'))\nexcept ValueError as error:\n    print(error)"


@pytest.mark.parametrize(
    ("search", "answer", "imported"),
    [
        ("print(type_of_class('CLIPTextModel'))", "clip_text_model", "[]"),
        ("print(type_of_class('NoSuchModel'))", "None", "[]"),
        ("print(class_named('NoSuchModel'))", "None", "[]"),
        ("print(class_named('GPT2Config').__name__)", "GPT2Config", "['gpt2']"),
        ("print(config_class('clip-vision-model').__name__)", "CLIPVisionConfig", "['clip']"),
        ("print(family('t5').__name__)", "bestiary.models.t5", "['t5']"),
        (TRY.format("gtp2"), "unknown model_type 'gtp2'. Did you mean 'gpt2'?", "[]"),
    ],
)
def test_a_search_imports_the_family_that_it_finds(search: str, answer: str, imported: str) -> None:
    said, loaded, torch = python(FIND + search + LOADED)
    assert said.startswith(answer)
    assert (loaded, torch) == (imported, "False")


def test_no_family_needs_torch_to_be_known() -> None:
    code = f"import sys, importlib\nfor name in {families()}:\n    importlib.import_module('bestiary.models.' + name)\n"
    assert python(code + "    print(name, 'torch' in sys.modules)") == [f"{name} False" for name in families()]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the library with a family that no list knows, and with two that cannot be imported."""
    copy = tmp_path_factory.mktemp("copy") / "bestiary"
    shutil.copytree(Path(bestiary.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__", "embedded"))
    files = {
        "chimera": {"__init__": NEW, "model": MODEL},
        "basilisk": {"__init__": BROKEN},
        "cockatrice": {"__init__": BROKEN + "("},
    }
    for name, texts in files.items():
        (copy / "models" / name / "__pycache__").mkdir(parents=True)
        for file, text in texts.items():
            (copy / "models" / name / f"{file}.py").write_text(text)
    (copy / "models" / "left_over" / "__pycache__").mkdir(parents=True)  # what a version control leaves of a family that went
    return copy


@pytest.mark.parametrize(
    ("search", "answer"),
    [
        ("config_class('chimera').__name__", "ChimeraConfig"),
        ("config_class('serpent-tail').__name__", "ChimeraTailConfig"),
        ("tasks_of('serpent-tail')", "{'base': 'SerpentModel'}"),
        ("type_of_class('ChimeraModel')", "chimera"),
        ("type_of_class('SerpentModel')", "serpent_tail"),
        ("type_of_class('NoSuchModel')", "None"),
        ("class_named('ChimeraModel').__module__", "bestiary.models.chimera.model"),
        ("class_named('NoSuchModel')", "None"),
        ("preprocessor_of('chimera', 'tokenizer').__module__", "bestiary.models.llama.tokenizer"),
        ("sorted(config_classes(family('chimera')))", "['chimera', 'serpent_tail']"),
        ("'left_over' in families()", "False"),
    ],
)
def test_a_new_family_is_found_before_a_list_knows_it_and_whatever_is_broken(package: Path, search: str, answer: str) -> None:
    assert python(f"{FIND}print({search})", package) == [answer]


def test_only_the_broken_family_itself_cannot_be_opened(package: Path) -> None:
    assert python(FIND + TRY.format("no-such-type"), package)[0].startswith("unknown model_type 'no-such-type'")
    code = FIND + "from bestiary.core.errors import PluginError"
    code += "\ntry:\n    family('basilisk')\nexcept PluginError as error:\n    print(error)"
    assert python(code, package) == [
        "bestiary.models.basilisk cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"
    ]


def test_names_of_activations() -> None:
    assert tuple(ACTIVATIONS) == ACTIVATION_NAMES


def test_parts_of_a_family_without_a_model_are_found_by_name_and_are_no_family():
    assert class_named("BarkEosPrioritizerLogitsProcessor") is bestiary.BarkEosPrioritizerLogitsProcessor
    assert "bark" not in families()
    with pytest.raises(UnknownArchitecture, match="unknown model_type 'bark'"):
        config_class("bark")
