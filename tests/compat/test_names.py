"""The table of old names: every entry resolves, stands for the same thing as published, and a missing name says so."""

import importlib
import json
import os
import subprocess
import sys
from dataclasses import fields

import pytest
import transformers

import bestiary
from bestiary.compat import names
from bestiary.core.errors import ArgumentError, LoadError
from bestiary.hub.files import PUBLISHED
from bestiary.modeling.families import families

PREFIX = "import bestiary.compat; bestiary.compat.install()\n"


def python(code: str, verbosity: str = "error") -> subprocess.CompletedProcess[str]:
    told = {**os.environ, "TRANSFORMERS_VERBOSITY": verbosity}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=told)


def test_every_path_and_name_resolves():
    done = python(
        PREFIX
        + "import importlib\n"
        + "from bestiary.compat.names import RENAMED, paths\n"
        + "for path in paths():\n"
        + "    module = importlib.import_module('transformers.' + path if path else 'transformers')\n"
        + "    own = set(RENAMED.get(path, {})) | (set(module.__all__) if path == '' else set())\n"
        + "    for name in own:\n"
        + "        getattr(module, name)\n"
        + "    assert dir(module), path\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_old_paths_exist_as_published():
    older = ("benchmark", "data.datasets", "data.metrics", "data.processors")
    elsewhere = ("generation_", "models.", "pipelines.", *older)
    published = [path for path in names.paths() if not path.startswith(elsewhere)]
    gone = {"deepspeed", "file_utils", "generation.utils"} | {"tokenization_utils", "tokenization_utils_fast"}
    for path in published:
        if path and path not in gone:
            importlib.import_module(f"transformers.{path}")


@pytest.mark.parametrize("name", families())
def test_every_family_has_its_old_path_of_models(name):
    assert names.sources(f"models.{name}.modeling_{name}") is not None


@pytest.mark.parametrize(("old", "target"), names.RENAMED["modeling_outputs"].items())
def test_an_output_has_the_fields_of_the_one_it_stands_for(old, target):
    module, _, name = target.partition(":")
    ours = {field.name for field in fields(getattr(importlib.import_module(f"bestiary.{module}"), name))}
    theirs = {field.name for field in fields(getattr(transformers.modeling_outputs, old))}
    assert theirs <= ours


def test_where_the_package_lies():
    """Tools look for files beside `__file__`, walk `__path__`, and ask the import system."""
    done = python(
        PREFIX
        + "import importlib.util, inspect, os, pkgutil, bestiary\n"
        + "import transformers, transformers.models.bert.modeling_bert as old, transformers.modeling_outputs as outputs\n"
        + "assert transformers.__file__ == bestiary.__file__ == transformers.__spec__.origin\n"
        + "assert list(transformers.__path__) == list(bestiary.__path__)\n"
        + "assert 'models' in [module.name for module in pkgutil.iter_modules(transformers.__path__)]\n"
        + "from bestiary.models.bert import model\n"
        + "assert old.__file__ == model.__file__\n"
        + "assert os.path.isfile(outputs.__file__)\n"
        + "assert inspect.getsourcefile(transformers) == bestiary.__file__\n"
        + "spec = importlib.util.find_spec('transformers.models')\n"
        + "assert spec.name == 'transformers.models' and os.path.isfile(spec.origin)\n"
    )
    assert done.returncode == 0, done.stderr


def test_lazy_and_once():
    done = python(
        PREFIX
        + "import sys, transformers, transformers.models.bert, transformers.utils.logging\n"
        + "assert 'torch' not in sys.modules\n"
        + "assert transformers.logging is transformers.utils.logging\n"
        + "from transformers import BertModel\n"
        + "import bestiary, transformers.models.bert.modeling_bert as old\n"
        + "assert BertModel is bestiary.BertModel is old.BertModel\n"
        + "from transformers.modeling_bert import BertForMaskedLM\n"
        + "from transformers.utils import is_tf_available, is_torch_available, is_vision_available\n"
        + "assert is_torch_available() and is_vision_available() and not is_tf_available()\n"
        + "assert not hasattr(transformers, 'TFBertModel')\n"
        + "from transformers.pipelines.text_generation import TextGenerationPipeline\n"
        + "from transformers.models.vit.feature_extraction_vit import ViTFeatureExtractor\n"
        + "from transformers.models.whisper.tokenization_whisper import LANGUAGES, TO_LANGUAGE_CODE\n"
        + "from transformers import TRANSFORMERS_CACHE, WEIGHTS_NAME, Conv1D, NerPipeline\n"
        + "assert LANGUAGES[TO_LANGUAGE_CODE['german']] == 'german' and TRANSFORMERS_CACHE.endswith('hub')\n"
        + "bestiary.compat.install()\n"
        + "assert len([f for f in sys.meta_path if type(f).__module__ == 'bestiary.compat.finder']) == 1\n"
    )
    assert done.returncode == 0, done.stderr


MISSING = {
    "from transformers import BertModle": "has no 'BertModle' in transformers. Did you mean 'BertModel'?",
    "from transformers import DetectNothing": "has no 'DetectNothing' in transformers",
    "import transformers.models.bort": "has no 'bort' in transformers.models. Did you mean 'bert'?",
    "import transformers.integrations.deepspeech": "Did you mean 'deepspeed'?",
    "import transformers; transformers.BertModle": "Did you mean 'BertModel'?",
    "from transformers.convert_slow_tokenizer import convert_slow_tokenizers": "Did you mean 'convert_slow_tokenizer'?",
    "from transformers.hf_argparser import dataclasse": "Did you mean 'DataClass'?",
    "from transformers.optimization import optimization": "has no 'optimization' in transformers.optimization",
}


def test_an_empty_name_asks_for_the_module_alone():
    code = (
        "for name in ('transformers.models.bert.modeling_bert', 'transformers.models.bert'):\n"
        "    assert __import__(name, fromlist=['']).__name__ == name\n"
        "    assert __import__(name, fromlist=['', 'BertModel']).BertModel.__name__ == 'BertModel'\n"
    )
    for start in ("", "import bestiary.compat; bestiary.compat.install()\n"):
        assert (done := python(start + code)).returncode == 0, done.stderr


def test_a_missing_name_is_told():
    code = "import json\nsaid = []\n" + "".join(
        f"try:\n    {statement}\nexcept (ImportError, AttributeError) as error:\n"
        "    said.append(f'{type(error).__name__}: {error}')\n"
        for statement in MISSING
    )
    done = python(PREFIX + code + "print(json.dumps(said))")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    for line, expected in zip(said, MISSING.values(), strict=True):
        assert expected in line
        assert "mean 'optimization'" not in line
    kinds = ["UnknownName", "UnknownName", "UnknownModule", "UnknownModule", "AttributeError"]
    assert [line.partition(":")[0] for line in said[:5]] == kinds


def test_whether_there_is_a_module_or_a_name_can_be_asked():
    for library in ("", PREFIX):
        done = python(
            library
            + "import importlib.util, pkgutil, transformers\n"
            + "for name in ('transformers.nothing', 'transformers.models.nothing'):\n"
            + "    assert importlib.util.find_spec(name) is None\n"
            + "    try:\n"
            + "        importlib.import_module(name)\n"
            + "    except ModuleNotFoundError as error:\n"
            + "        assert name.rpartition('.')[2] in str(error)\n"
            + "    else:\n"
            + "        raise SystemExit(name)\n"
            + "try:\n"
            + "    from transformers import Nothing\n"
            + "except ImportError as error:\n"
            + "    assert not isinstance(error, ModuleNotFoundError)\n"
            + "assert not hasattr(transformers, 'Nothing')\n"
            + "assert importlib.util.find_spec('transformers.models.bert.modeling_bert')\n"
        )
        assert done.returncode == 0, done.stderr


def test_a_part_of_a_family_that_is_replaced_in_its_module_is_told_to_change_nothing():
    done = python(
        PREFIX + "from transformers.models.llama import modeling_llama\n"
        "modeling_llama.LlamaRMSNorm = type('Mine', (), {})\n"
        "modeling_llama.__doc__ = 'of mine'\n"
        "print(modeling_llama.LlamaRMSNorm.__name__)",
        verbosity="warning",
    )
    assert done.stdout.split() == ["Mine"], done.stderr
    assert "modeling_llama.LlamaRMSNorm was replaced, which changes no model" in done.stderr


def test_too_late_is_refused():
    from bestiary.compat import install

    with pytest.raises(ArgumentError, match="imported already"):
        install()


def test_the_program(tmp_path):
    script = tmp_path / "script.py"
    (tmp_path / "beside.py").write_text("VALUE = 7")
    script.write_text("import sys, beside, transformers\nprint(sys.argv[1:], beside.VALUE, __name__, transformers.__version__)")
    done = subprocess.run(
        [sys.executable, "-m", "bestiary.compat", str(script), "a", "--b"], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == f"['a', '--b'] 7 __main__ {PUBLISHED}"
    for wrong in ([], ["--help"], [str(tmp_path / "absent.py")]):
        done = subprocess.run([sys.executable, "-m", "bestiary.compat", *wrong], capture_output=True, text=True, timeout=120)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


def test_missing_weights_start_afresh_in_old_scripts_and_are_refused_elsewhere(tmp_path):
    model = bestiary.BertModel(bestiary.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=9))
    state = {name: tensor for name, tensor in model.state_dict().items() if "query" not in name}
    model.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(LoadError, match="query.weight(.|\n)*allow_missing=True"):
        bestiary.BertModel.from_pretrained(tmp_path)
    script = (
        "from transformers import BertModel\n"
        f"model, info = BertModel.from_pretrained({str(tmp_path)!r}, output_loading_info=True)\n"
        "print(len(info['missing_keys']), model.encoder.layer[0].attention.self.query.weight.std() > 0)"
    )
    done = python(PREFIX + script, verbosity="warning")
    assert done.stdout.split() == ["2", "tensor(True)"], done.stderr
    assert "query" in done.stderr


def test_every_public_name_of_a_family_lies_at_its_published_path(tmp_path):
    where = {name: path for name, path in transformers._class_to_module.items() if path.startswith("models.")}
    where |= {"Llama4ForCausalLM": "models.llama4.modeling_llama4", "Gemma3TextConfig": "models.gemma3.configuration_gemma3"}
    assert where["Data2VecTextModel"] == "models.data2vec.modeling_data2vec_text"
    table = tmp_path / "where.json"
    table.write_text(json.dumps(where))
    done = python(
        PREFIX
        + "import importlib, json, transformers\n"
        + "bestiary.compat.finder._explain = lambda *where: ''  # the nearest name is not asked for, which takes longest\n"
        + f"here, absent = 0, []\nfor name, path in json.load(open({str(table)!r})).items():\n"
        + "    if hasattr(transformers, name):\n"
        + "        here += 1\n"
        + "        try:\n"
        + "            same = getattr(importlib.import_module(f'transformers.{path}'), name) is getattr(transformers, name)\n"
        + "        except ImportError:\n"
        + "            same = False\n"
        + "        absent += [] if same else [f'{path}:{name}']\n"
        + "print(json.dumps([here, absent]))\n"
    )
    assert done.returncode == 0, done.stderr
    here, absent = json.loads(done.stdout)
    assert here > 500
    assert absent == []


@pytest.mark.parametrize("name", [name for name in names.RENAMED[""] if "Tokenizer" in name])
def test_a_tokenizer_of_another_name_is_the_same_as_published(name):
    target = names.RENAMED[""][name].rpartition(":")[2]
    assert getattr(transformers, name) is getattr(transformers, target)
    done = python(PREFIX + f"from transformers import {name}, {target}\nassert {name} is {target}")
    assert done.returncode == 0, done.stderr
