"""One new file is enough: each kind of plug-in, dropped into a copy of the package, works without another edit."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from kit import checkpoints

import bestiary


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A copy of the package, into which the tests put files."""
    copy = tmp_path_factory.mktemp("copy") / "bestiary"
    shutil.copytree(Path(bestiary.__file__).parent, copy, ignore=shutil.ignore_patterns("embedded"))
    return copy


@pytest.fixture
def drop(package) -> Any:
    """Puts a file into the copy."""

    def put(path: str, text: str) -> None:
        file = package / path
        assert not file.exists()
        file.parent.mkdir(exist_ok=True)
        file.write_text(dedent(text).lstrip())

    return put


@pytest.fixture
def run(package) -> Any:
    """Runs a program, or with arguments the command line, over the copy; returns what it printed."""

    def start(program: str, *arguments: str) -> str:
        code = "from bestiary.cli import main\nmain()" if arguments else dedent(program)
        environment = {**os.environ, "PYTHONPATH": str(package.parent), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-c", code, *arguments],
            capture_output=True, text=True, timeout=300, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return start


def test_a_cache_kind(drop, run):
    drop(
        "cache/kinds/forgetful.py",
        '''
        """A growing cache by another name."""

        from typing import Any

        from .dynamic import DynamicCache

        __all__ = ["ForgetfulCache"]

        ALIASES = {"absent_minded": {"room": 7}}


        class ForgetfulCache(DynamicCache):
            """A `DynamicCache` that knows how much room it was promised."""

            kind = "forgetful"


        def build(config: Any, length: int, room: int = 0) -> ForgetfulCache:
            """A `ForgetfulCache`."""
            cache = ForgetfulCache(config=config)
            cache.room = room
            return cache
        ''',
    )
    run(
        f"""
        import torch
        from bestiary import AutoModelForCausalLM
        from bestiary.cache import ForgetfulCache, implementations
        from bestiary.core.errors import ArgumentError

        assert "forgetful" in implementations()
        model = AutoModelForCausalLM.from_pretrained({str(checkpoints.llama())!r})
        ids = torch.tensor([[5, 6, 7]])
        settings = dict(max_new_tokens=4, do_sample=False, return_dict_in_generate=True)
        plain = model.generate(ids, **settings)
        for name, config, room in (("forgetful", {{"room": 3}}, 3), ("absent_minded", None, 7)):
            answer = model.generate(ids, cache_implementation=name, cache_config=config, **settings)
            assert type(answer.past_key_values) is ForgetfulCache
            assert answer.past_key_values.room == room
            assert answer.sequences.equal(plain.sequences)
        for wrong, message in ((dict(cache_implementation="forgetfull"), "Did you mean 'forgetful'"),
                               (dict(cache_implementation="forgetful", cache_config={{"rom": 3}}), "Did you mean 'room'")):
            try:
                model.generate(ids, **wrong, **settings)
            except ArgumentError as error:
                assert message in str(error), error
            else:
                raise AssertionError(wrong)
        """
    )


def test_a_file_format(drop, run, tmp_path):
    drop(
        "loading/formats/numpy_zip.py",
        '''
        """`weights.npz`: what `numpy.savez` writes."""

        from collections.abc import Mapping
        from pathlib import Path

        import numpy as np
        import torch

        from ..format import TensorInfo

        FILE_NAME = "weights.npz"
        SUFFIXES = (".npz",)
        PLACE = 3


        class NumpyFile:
            """A file of `numpy.savez`."""

            metadata: Mapping[str, str] = {}

            def __init__(self, path: Path) -> None:
                with np.load(path, allow_pickle=False) as arrays:
                    self._tensors = {key: torch.from_numpy(arrays[key]) for key in arrays}
                self.infos = {
                    key: TensorInfo(tensor.dtype, tuple(tensor.shape), path, tensor.nbytes)
                    for key, tensor in self._tensors.items()
                }

            def tensor(self, key: str) -> torch.Tensor:
                return self._tensors[key].clone()

            def drop(self, key: str) -> None:
                """Everything is read at once."""


        READER = NumpyFile
        ''',
    )
    run(
        f"""
        import shutil
        from pathlib import Path
        import numpy as np
        import torch
        from bestiary import AutoModelForCausalLM
        from bestiary.core.errors import FileMissing

        source, folder = Path({str(checkpoints.llama())!r}), Path({str(tmp_path)!r})
        shutil.copy(source / "config.json", folder)
        model = AutoModelForCausalLM.from_pretrained(source)
        try:
            AutoModelForCausalLM.from_pretrained(folder)
        except FileMissing as error:
            assert "weights.npz" in str(error), error
        else:
            raise AssertionError("no weights")
        np.savez(folder / "weights.npz", **{{name: tensor.numpy() for name, tensor in model.state_dict().items()}})
        again = AutoModelForCausalLM.from_pretrained(folder)
        ids = torch.tensor([[5, 6, 7]])
        with torch.no_grad():
            assert again(ids).logits.equal(model(ids).logits)
        """
    )


def test_a_pipeline_task(drop, run):
    drop(
        "pipelines/tasks/shouted_generation.py",
        '''
        """Text generation in capitals."""

        from typing import Any

        from .text_generation import TextGenerationPipeline

        __all__ = ["ShoutedGenerationPipeline"]

        ALIASES = ("shouting",)
        CHECKPOINTS = ("someone/loud",)


        class ShoutedGenerationPipeline(TextGenerationPipeline):
            """As text generation, louder."""

            def postprocess(self, model_outputs: Any, **parameters: Any) -> Any:
                """The answers in capitals."""
                answers = super().postprocess(model_outputs, **parameters)
                for answer in answers:
                    answer["generated_text"] = answer["generated_text"].upper()
                return answers


        PIPELINE = ShoutedGenerationPipeline
        ''',
    )
    run(
        f"""
        from bestiary import pipeline
        from bestiary.core.errors import ArgumentError, UnknownArchitecture
        from bestiary.pipelines import PIPELINE_REGISTRY, ShoutedGenerationPipeline, get_task

        folder = {str(checkpoints.llama())!r}
        plain = pipeline("text-generation", model=folder)("Hello world", max_new_tokens=8, do_sample=False)
        for name in ("shouted-generation", "shouted_generation", "shouting"):
            shout = pipeline(name, model=folder)
            assert type(shout) is ShoutedGenerationPipeline
            [answer] = shout("Hello world", max_new_tokens=8, do_sample=False)
            assert answer["generated_text"] == plain[0]["generated_text"].upper()
        assert get_task(folder) == "text-generation"
        assert "shouting" in PIPELINE_REGISTRY.get_supported_tasks()
        for task, kind, message in (("shouted-generatio", UnknownArchitecture, "Did you mean 'shouted-generation'"),
                                    ("shouting", ArgumentError, "someone/loud")):
            try:
                pipeline(task)
            except kind as error:
                assert message in str(error), error
            else:
                raise AssertionError(task)
        """
    )


def test_a_command(drop, run):
    drop(
        "cli/commands/count_words.py",
        '''
        """`bestiary count-words`: how many words a text has."""

        from typing import Annotated

        import typer

        from .. import console


        def run(text: Annotated[str, typer.Argument(help="A text.")], json: console.Json = False) -> None:
            """Count the words of a text."""
            count = len(text.split())
            console.write_json(count) if json else console.table([("words", str(count))])
        ''',
    )
    assert run("", "count-words", "one two three") == "words\t3\n"
    assert run("", "count-words", "one two", "--json") == "2\n"
    assert "count-words" in run("", "--help")


def test_a_family(drop, run, tmp_path):
    drop(
        "models/lama_glama/__init__.py",
        '''
        """A Llama under the name of the animal."""

        from typing import ClassVar

        from ...core.plugins import lazy
        from ..llama import LlamaConfig


        class LamaGlamaConfig(LlamaConfig):
            """As `LlamaConfig`."""

            model_type: ClassVar[str] = "lama_glama"


        TASKS = {"base": "LamaGlamaModel", "causal-lm": "LamaGlamaForCausalLM"}

        __getattr__, __dir__ = lazy(__name__, {"model": list(TASKS.values())})
        ''',
    )
    drop(
        "models/lama_glama/model.py",
        '''
        """The classes; nothing differs."""

        from ..llama.model import LlamaForCausalLM, LlamaModel
        from . import LamaGlamaConfig


        class LamaGlamaModel(LlamaModel):
            """As `LlamaModel`."""

            config_class = LamaGlamaConfig


        class LamaGlamaForCausalLM(LlamaForCausalLM):
            """As `LlamaForCausalLM`."""

            config_class = LamaGlamaConfig
        ''',
    )
    run(
        f"""
        import torch
        from bestiary import AutoConfig, AutoModel, AutoModelForCausalLM, LlamaConfig, pipeline

        config = AutoConfig.for_model("lama_glama", vocab_size=99, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                      num_attention_heads=2)
        model = AutoModelForCausalLM.from_config(config).eval()
        model.save_pretrained({str(tmp_path)!r})
        again = AutoModelForCausalLM.from_pretrained({str(tmp_path)!r})
        assert type(again).__name__ == "LamaGlamaForCausalLM"
        assert type(AutoModel.from_pretrained({str(tmp_path)!r})).__name__ == "LamaGlamaModel"
        assert type(AutoConfig.for_model("llama")) is LlamaConfig
        ids = torch.tensor([[5, 6, 7]])
        assert again.generate(ids, max_new_tokens=4).equal(model.generate(ids, max_new_tokens=4))
        """
    )
