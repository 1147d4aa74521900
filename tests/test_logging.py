"""The published logging helpers do to this library's messages what the published ones do to theirs."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType

import pytest
import transformers.utils.logging as theirs
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from bestiary import logging as ours
from bestiary.compat.speakers import SPEAKERS

MODULES = pytest.mark.parametrize("module", [ours, theirs], ids=["ours", "theirs"])


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    roots = [logging.getLogger("bestiary"), logging.getLogger("transformers")]
    before = [(root, root.propagate, list(root.handlers), [handler.formatter for handler in root.handlers]) for root in roots]
    bars = are_progress_bars_disabled()
    yield
    for root, propagate, handlers, formatters in before:
        root.propagate, root.handlers = propagate, handlers
        for handler, formatter in zip(handlers, formatters, strict=True):
            handler.setFormatter(formatter)
    (disable_progress_bars if bars else enable_progress_bars)()


def root_of(module: ModuleType) -> logging.Logger:
    return logging.getLogger("bestiary" if module is ours else "transformers")


@MODULES
def test_messages_reach_the_root_logger_or_not(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.Handler()])
    monkeypatch.setattr(logging.getLogger().handlers[0], "handle", lambda record: heard.append(record.getMessage()))
    for switch, wanted in ((module.disable_propagation, []), (module.enable_propagation, ["something"])):
        switch()
        module.get_logger(f"{root_of(module).name}.models").error("something")
        assert heard == wanted


@MODULES
def test_the_default_handler(module: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    root = root_of(module)
    module.disable_propagation()
    module.enable_default_handler()
    with_it = len(root.handlers)
    module.disable_default_handler()
    assert len(root.handlers) == with_it - 1
    module.enable_default_handler()
    module.enable_default_handler()
    assert len(root.handlers) == with_it


@MODULES
def test_formats(module: ModuleType) -> None:
    module.enable_default_handler()
    module.enable_explicit_format()
    record = logging.LogRecord("x", logging.ERROR, "folder/file.py", 7, "what", None, None)
    for handler in root_of(module).handlers:
        assert handler.format(record).startswith("[ERROR|file.py:7]")
        assert handler.format(record).endswith(">> what")
    module.reset_format()
    assert [handler.format(record) for handler in root_of(module).handlers] == ["what"] * len(root_of(module).handlers)


@MODULES
def test_bars_of_downloads(module: ModuleType) -> None:
    module.disable_progress_bar()
    assert are_progress_bars_disabled()
    module.enable_progress_bar()
    assert not are_progress_bars_disabled()


def python(code: str, **environment: str) -> str:
    """What a process of its own says on stderr."""
    command = [sys.executable, "-W", "always::UserWarning", "-c", code]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stderr


COMPAT = "import bestiary.compat; bestiary.compat.install()\nfrom transformers.utils import logging\n"
SAY = "\n".join(
    f"logging.get_logger({name!r}).{level}('{name or 'root'} {level}')"
    for name in ("transformers.models.bert", "bestiary.loading", None)
    for level in ("debug", "info", "warning", "error")
)


@pytest.mark.parametrize(
    ("setting", "variable", "said"),
    [
        ("", "", ["warning", "error"]),
        ("", "info", ["info", "warning", "error"]),
        ("", "error", ["error"]),
        ("logging.set_verbosity_debug()", "error", ["debug", "info", "warning", "error"]),
        ("logging.set_verbosity_error()", "", ["error"]),
        ("import logging as l; l.getLogger('transformers').setLevel(l.ERROR)", "", ["error"]),
    ],
)
def test_levels_act_on_the_children_of_both_names(setting: str, variable: str, said: list[str]) -> None:
    told = python(f"{COMPAT}{setting}\n{SAY}", TRANSFORMERS_VERBOSITY=variable).splitlines()
    assert told == [f"{name} {level}" for name in ("transformers.models.bert", "bestiary.loading", "root") for level in said]


def test_a_program_s_own_level_is_not_the_library_s() -> None:
    code = "import logging as l\nl.basicConfig(level=l.INFO, format='%(message)s')\n"
    for lines, name in (("import bestiary.logging\n", "bestiary"), (COMPAT, "transformers")):
        told = python(
            f"{code}{lines}l.getLogger('{name}.models').info('unheard')\nl.warning(l.getLogger('{name}').level)",
            TRANSFORMERS_VERBOSITY="",
        )
        assert told == "30\n"


def test_the_most_talkative_level() -> None:
    assert ours.log_levels == theirs.log_levels
    told = python(f"{COMPAT}logging.get_logger('transformers.x').debug('heard')", TRANSFORMERS_VERBOSITY="detail")
    assert told.startswith("[DEBUG|<string>:")
    assert told.endswith(">> heard\n")


def test_the_public_module() -> None:
    code = (
        "import bestiary\nbestiary.logging.set_verbosity_info()\nbestiary.logging.get_logger('bestiary.models').info('heard')"
    )
    assert python(code) == "heard\n"
    assert python("from bestiary import logging\nlogging.get_logger().info('unheard')") == ""
    assert python("from bestiary import logging\nlogging.get_logger().info('heard')", BESTIARY_VERBOSITY="info") == "heard\n"
    assert "BESTIARY_VERBOSITY=loud is no level; expected one of detail, debug" in python(
        "import bestiary.logging", BESTIARY_VERBOSITY="loud"
    )


def test_a_handler_of_the_program_s_own_is_the_only_one() -> None:
    code = "import logging as l, bestiary\nl.basicConfig(format='mine %(message)s')\nbestiary.logging.set_verbosity_info()\n"
    assert python(f"{code}bestiary.logging.get_logger().info('heard')") == "mine heard\n"


def test_errors_only_means_no_warnings() -> None:
    code = "import bestiary\nfrom bestiary.core.logging import warn_once\n{}\nwarn_once('code', 'doubtful')"
    assert "doubtful [code]" in python(code.format(""))
    assert python(code.format("bestiary.logging.set_verbosity_error()")) == ""
    assert python(code.format(""), BESTIARY_VERBOSITY="error") == ""


def test_what_is_warned_of_is_told_by_the_logger_of_old_scripts() -> None:
    code = (
        "from bestiary.core.logging import warn_once\nimport logging as l\n"
        "l.getLogger('transformers').handlers.clear()\nl.getLogger('transformers').propagate = True\n"
        "l.basicConfig(format='%(name)s %(message)s')\nwarn_once('code', 'doubtful')\nwarn_once('code', 'doubtful')"
    )
    assert python(f"{COMPAT}{code}", TRANSFORMERS_VERBOSITY="") == "transformers doubtful [code]\n"
    assert python(f"{COMPAT}{code}", TRANSFORMERS_VERBOSITY="error") == ""
    assert python(f"{COMPAT}{code}", TRANSFORMERS_VERBOSITY="", BESTIARY_SILENCE="code") == ""
    assert "BestiaryWarning: doubtful [code]" in python(f"import bestiary\n{code}")


@MODULES
def test_what_loggers_have_besides(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSFORMERS_NO_ADVISORY_WARNINGS", raising=False)
    heard: list[str] = []
    logger = module.get_logger(f"{root_of(module).name}.besides")
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(logger, "handle", lambda record: heard.append(record.getMessage()))
    for _ in range(2):
        logger.warning_once("once")
        logger.info_once("told once")
        logger.warning_advice("advice")
    assert heard == ["once", "told once", "advice", "advice"]
    for once in (module.warning_once, logger.info_once):  # a function for all loggers, and the method of one
        once.cache_clear()
    logger.warning_once("once")
    logger.info_once("told once")
    module.warning_once(logger, "once")
    assert heard[4:] == ["once", "told once"]
    monkeypatch.setenv("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    module.get_logger(logger.name).warning_advice("more")
    assert len(heard) == 6
    assert module.get_log_levels_dict()["info"] == logging.INFO


CHILDREN = """
import logging, tempfile
import torch
import transformers as t
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers.testing_utils import CaptureLogger
folder = tempfile.mkdtemp()
sizes = dict(num_hidden_layers=1, hidden_size=8, num_attention_heads=2, intermediate_size=8, vocab_size=20)
t.BertModel(t.BertConfig(**sizes)).save_pretrained(folder)
gpt2 = t.GPT2LMHeadModel(t.GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=20, bos_token_id=1, eos_token_id=1))
gpt2.gradient_checkpointing_enable()
tokenizer = Tokenizer(WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = Whitespace()
tokenizer = t.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=2, unk_token="[UNK]")
for name, call in {
    "configuration_utils": lambda: t.RobertaConfig.from_pretrained(folder),
    "modeling_utils": lambda: t.BertForSequenceClassification.from_pretrained(folder),
    "generation.utils": lambda: gpt2.eval().generate(torch.tensor([[2, 3]]), max_new_tokens=1, max_length=9),
    "utils.generic": lambda: gpt2.train()(torch.tensor([[2, 3]]), use_cache=True),
    "tokenization_utils_base": lambda: tokenizer("a a a a"),
}.items():
    with CaptureLogger(t.utils.logging.get_logger("transformers." + name)) as caught:
        call()
    print(name, bool(caught.out))
root = logging.getLogger("transformers")
print(root.propagate, len(root.handlers))
t.utils.logging.enable_propagation()
print(root.propagate)
t.utils.logging.get_logger("transformers.configuration_utils").setLevel(logging.ERROR)
with CaptureLogger(root) as caught:
    t.ElectraConfig.from_pretrained(folder)
print(repr(caught.out))
"""


@pytest.mark.parametrize("ci", ["", "true"])
def test_messages_are_heard_on_the_published_children(ci: str) -> None:
    """What each logger of the published library tells, the one of that name tells here; and where its messages go."""
    told = {}
    for start in ("", COMPAT):
        command = [sys.executable, "-c", start + CHILDREN]
        plain = {**os.environ, "TRANSFORMERS_VERBOSITY": "", "CI": ci}
        done = subprocess.run(command, env=plain, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        told[start] = done.stdout.splitlines()
    assert told[COMPAT] == told[""]
    assert told[""] == [
        *(f"{name} True" for name in ("configuration_utils", "modeling_utils", "generation.utils", "utils.generic")),
        *("tokenization_utils_base True", f"{bool(ci)} 1", "True", "''"),
    ]


def test_each_part_has_a_logger_of_the_published_package() -> None:
    for ours_module, theirs_module in SPEAKERS.items():
        assert find_spec(f"bestiary.{ours_module}"), ours_module
        assert find_spec(f"transformers.{theirs_module}"), theirs_module


def test_a_part_s_own_loggers_are_children_too() -> None:
    code = (
        "import logging as l\nl.getLogger('transformers.trainer').addHandler(l.StreamHandler())\n"
        "from bestiary.core.logging import get_logger\nget_logger('bestiary.training.loop').warning('heard')"
    )
    assert python(COMPAT + code, TRANSFORMERS_VERBOSITY="") == "heard\nheard\n"  # its own handler, and the library's
