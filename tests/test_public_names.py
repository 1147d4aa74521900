"""The list of public names: complete, every name resolves, and importing it costs nothing."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import warnings

import pytest
import transformers

import bestiary
from bestiary import auto, cache, generation, pipelines, structured
from bestiary.core import errors
from bestiary.modeling.config import PreTrainedConfig

# Published names that ours share by chance: parts of models and plumbing, reached through their own modules.
PRIVATE = {"Conv1D", "get_values"}


@pytest.mark.parametrize("name", bestiary.__all__)
def test_a_name_resolves_where_the_list_says(name):
    assert getattr(bestiary, name) is not None


def test_all_is_sorted_out():
    assert len(set(bestiary.__all__)) == len(bestiary.__all__)
    assert set(bestiary.__all__) <= set(dir(bestiary))


@pytest.mark.parametrize("family", auto.families())
def test_everything_a_family_publishes_is_listed(family):
    module = auto.family(family)
    tables = [module.TASKS, *vars(module).get("PARTS", {}).values(), vars(module).get("PREPROCESSORS", {})]
    wanted = {name for table in tables for name in table.values()} | set(dir(module))
    wanted |= {
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, PreTrainedConfig) and value.model_type
    }
    assert wanted <= set(bestiary.__all__)


@pytest.mark.parametrize("folder", [generation, structured, cache, pipelines])
def test_everything_a_folder_publishes_is_listed(folder):
    classes = {name for name in dir(folder) if name[0].isupper()}
    assert classes <= set(bestiary.__all__)


@pytest.mark.parametrize("folder", [generation, cache, pipelines])
def test_no_module_takes_the_place_of_a_name(folder):
    modules = {module.name for module in pkgutil.iter_modules(folder.__path__)}
    assert not modules & set(dir(folder))


def test_every_error_and_auto_class_is_listed():
    kinds = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    automatic = {name for name in vars(auto) if name.startswith("Auto")}
    assert kinds | automatic <= set(bestiary.__all__)


def test_whatever_has_a_published_name_is_listed():
    """Any class or function of ours that the published library exports under the same name is public here too."""
    forgotten = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        published = set(dir(transformers))
    for found in pkgutil.walk_packages(bestiary.__path__, "bestiary."):
        if found.name.endswith("__main__") or found.name.startswith(("bestiary.cli", "bestiary.compat")):
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            own = (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == found.name
            if own and name in published and name not in set(bestiary.__all__) | PRIVATE:
                forgotten[name] = found.name
    assert not forgotten


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


HEAVY = {"torch", "numpy", "tokenizers", "huggingface_hub", "safetensors", "jinja2", "tqdm"}
OPTIONAL = {"PIL", "scipy", "soundfile", "accelerate", "typer", "rich", "sentencepiece", "tiktoken", "google.protobuf"}


def test_importing_the_library_imports_next_to_nothing():
    found = modules_after("import bestiary")
    assert not found & (HEAVY | OPTIONAL)
    assert {name for name in found if name.startswith("bestiary")} == {"bestiary"}
    assert len(found - modules_after("pass")) < 60


def test_a_config_needs_no_torch():
    assert "torch" not in modules_after("from bestiary import BertConfig, AutoConfig; BertConfig()")


def test_what_scripts_begin_with_imports_no_tokenizer_and_no_template():
    """A count, for time cannot be tested: what is imported over torch, by the line that most old scripts begin with."""
    found = modules_after(
        "import torch, bestiary.compat; bestiary.compat.install()\nfrom transformers import AutoModel, AutoTokenizer, pipeline"
    )
    assert not found & {"jinja2", "tokenizers", "huggingface_hub", "safetensors", *OPTIONAL}
    ours = {name for name in found if name.startswith("bestiary.")}
    assert not {name for name in ours if name.startswith(("bestiary.preprocess", "bestiary.generation", "bestiary.models"))}
    assert len(ours) <= 53  # 113 as long as `pipeline` imported the base of all models


def test_pipelines_and_models_import_no_optional_package():
    found = modules_after(
        "import torch, bestiary\nbefore = set(sys.modules)\nfrom bestiary import pipeline, AutoModelForCausalLM"
    )
    assert not found & OPTIONAL
    families = {name.split(".")[2] for name in found if name.startswith("bestiary.models.") and name.count(".") == 3}
    assert not families
