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


def test_a_score_processor(drop, run, tmp_path):
    drop(
        "generation/processors/odd_bias.py",
        '''
        """Odd tokens made more likely."""

        from typing import Annotated

        import torch
        from torch import Tensor

        from ...core.kinds import Range
        from ..options import Option
        from ..processor import Context, LogitsProcessor

        OPTIONS = {
            "odd_bias": Option(Annotated[int, Range(0, 99)], default=0),
            "odd_bias_start": Option(int, default=0, needs=("odd_bias",)),
        }
        PLACE = 115


        class OddBiasLogitsProcessor(LogitsProcessor):
            """Adds `bias` to the scores (B, V) of odd tokens once a row has `start` tokens."""

            def __init__(self, bias: int, start: int) -> None:
                self.bias, self.start = bias, start

            def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
                odd = torch.arange(scores.shape[1], device=scores.device) % 2
                return scores + self.bias * odd if input_ids.shape[1] >= self.start else scores


        def build(context: Context) -> LogitsProcessor | None:
            return OddBiasLogitsProcessor(context.config.odd_bias, context.config.odd_bias_start)
        ''',
    )
    run(
        f"""
        import warnings
        import torch
        from bestiary import AutoModelForCausalLM, GenerationConfig
        from bestiary.core.errors import ArgumentError, ConfigError

        model = AutoModelForCausalLM.from_pretrained({str(checkpoints.llama())!r})
        ids = torch.tensor([[5, 6, 7]])
        settings = dict(max_new_tokens=6, do_sample=False, eos_token_id=[])
        plain = model.generate(ids, **settings)
        odd = model.generate(ids, odd_bias=99, **settings)
        assert bool((odd[:, 3:] % 2 == 1).all()) and not odd.equal(plain)
        assert model.generate(ids, odd_bias=99, odd_bias_start=50, **settings).equal(plain)

        config = GenerationConfig(odd_bias=3, **settings)
        config.save_pretrained({str(tmp_path)!r})
        again = GenerationConfig.from_pretrained({str(tmp_path)!r})
        assert again == config and again.odd_bias == 3
        assert again.explain()["odd_bias"] == (3, "config")
        assert GenerationConfig().explain()["odd_bias"] == (0, "default")
        assert model.generate(ids, generation_config=GenerationConfig(odd_bias=99, **settings)).equal(odd)
        for wrong, kind, message in (
            (dict(odd_bias=100), ConfigError, "odd_bias is 100; expected a whole number from 0 to 99"),
            (dict(odd_bias="3"), ConfigError, "odd_bias is '3'; expected a whole number from 0 to 99"),
            (dict(odd_bais=3), ArgumentError, "Did you mean 'odd_bias'"),
        ):
            try:
                model.generate(ids, **wrong, **settings)
            except kind as error:
                assert message in str(error), error
            else:
                raise AssertionError(wrong)
        try:
            GenerationConfig(odd_bais=3)
        except ConfigError as error:
            assert "Did you mean 'odd_bias'" in str(error), error
        else:
            raise AssertionError("misspelt")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.generate(ids, odd_bias_start=2, **settings)
        assert "odd_bias_start=2 has no effect without odd_bias" in str(caught[0].message)
        """
    )


def test_a_strategy(drop, run, tmp_path):
    drop(
        "generation/strategies/runner_up.py",
        '''
        """The token of a given rank."""

        from torch import Tensor

        from ...core.kinds import Natural
        from ..options import Option
        from ..strategy import NextTokens, Strategy

        OPTIONS = {"rank": Option(Natural, default=1)}
        CHOSEN_BY = ("rank",)
        EXCLUDES = ("do_sample",)


        class RunnerUp(Strategy):
            """Takes the token with the `rank`-th score; the first would be greedy."""

            def choose(self, run: object, scores: Tensor) -> NextTokens:
                """The next tokens (R,) by scores (R, V)."""
                return NextTokens(scores.topk(self.settings.rank).indices[:, -1])


        STRATEGY = RunnerUp
        ''',
    )
    run(
        f"""
        import torch
        from bestiary import AutoModelForCausalLM, GenerationConfig
        from bestiary.core.errors import ArgumentError, ConfigError
        from bestiary.generation.choice import strategy_name

        model = AutoModelForCausalLM.from_pretrained({str(checkpoints.llama())!r})
        ids = torch.tensor([[5, 6, 7]])
        settings = dict(max_new_tokens=4, eos_token_id=[])
        plain, second = (model.generate(ids, do_sample=False, rank=rank, **settings) for rank in (1, 2))
        with torch.no_grad():
            ranks = model(second).logits[0, 2:-1].argsort(descending=True)
        assert second[0, 3:].tolist() == ranks[:, 1].tolist() and not second.equal(plain)

        GenerationConfig(rank=2).save_pretrained({str(tmp_path)!r})
        config = GenerationConfig.from_pretrained({str(tmp_path)!r})
        assert model.generate(ids, generation_config=config, **settings).equal(second)
        for wrong, kind, message in (
            (dict(rank=0), ConfigError, "rank is 0; expected a whole number from 1"),
            (dict(rank=2, num_beams=2), ConfigError, "exclude each other"),
            (dict(rank=2, do_sample=True), ConfigError, "do_sample=True and rank=2 exclude each other"),
            (dict(rnak=2), ArgumentError, "Did you mean 'rank'"),
        ):
            try:
                model.generate(ids, **wrong, **settings)
            except kind as error:
                assert message in str(error), error
            else:
                raise AssertionError(wrong)
        """
    )


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
        PLACE = 50


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
        CHECKPOINTS = {"someone/loud": "llama"}


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
        from ..options import Json


        def run(text: Annotated[str, typer.Argument(help="A text.")], json: Json = False) -> None:
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
