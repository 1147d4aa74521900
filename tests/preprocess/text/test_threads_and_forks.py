"""One tokenizer used from many threads with mixed settings, and after a fork."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kit.tokenizer_files import SAMPLES, TEXT

from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

TEXTS = [*SAMPLES, *TEXT[:6], "hello [MASK] [CLS]"]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"padding": True},
    {"padding": "max_length", "max_length": 40, "padding_side": "left"},
    {"truncation": True, "max_length": 7},
    {"truncation": True, "max_length": 9, "stride": 2, "return_overflowing_tokens": True, "padding": True},
    {"truncation": True, "max_length": 11, "truncation_side": "left", "split_special_tokens": True},
    {"add_special_tokens": False, "split_special_tokens": True},
]


@pytest.mark.filterwarnings("ignore:a text begins with")
@pytest.mark.parametrize("kind", ["generic", "llama3"])
def test_sixteen_threads_give_serial_results(folder: Callable[[str], Path], kind: str) -> None:
    pad = {"pad_token": "<|end_of_text|>"} if kind == "llama3" else {}
    serial = PreTrainedTokenizerFast.from_pretrained(folder(kind), **pad)
    shared = PreTrainedTokenizerFast.from_pretrained(folder(kind), **pad)

    def call(tokenizer: PreTrainedTokenizerFast, number: int) -> dict[str, Any]:
        texts = [TEXTS[(number + step) % len(TEXTS)] for step in range(1 + number % 3)]
        encoded = tokenizer(texts, **SETTINGS[number % len(SETTINGS)])
        decoded = tokenizer.batch_decode(encoded["input_ids"], skip_special_tokens=bool(number % 2))
        return {**encoded, "decoded": decoded, "dropped": encoded.dropped_tokens}

    numbers = range(len(TEXTS) * len(SETTINGS) * 3)
    expected = [call(serial, number) for number in numbers]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(4):
            assert list(pool.map(lambda number: call(shared, number), numbers)) == expected


FORK = """
import os, sys, warnings
warnings.simplefilter("error")
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast
tokenizer = PreTrainedTokenizerFast.from_pretrained(sys.argv[1])
texts = ["hello world"] * 64
expected = tokenizer(texts)["input_ids"]
for _ in range(2):
    child = os.fork()
    if child == 0:
        os._exit(0 if tokenizer(texts, truncation=True, max_length=64)["input_ids"] == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
assert tokenizer(texts)["input_ids"] == expected
assert "TOKENIZERS_PARALLELISM" not in os.environ
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_after_use_neither_hangs_nor_warns(folder: Callable[[str], Path]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(folder("generic"))], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_needs_no_torch(folder: Callable[[str], Path]) -> None:
    program = (
        "import sys\n"
        "from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast as T\n"
        "t = T.from_pretrained(sys.argv[1]); t.decode(t('a b', return_tensors='np')['input_ids'][0])\n"
        "t.apply_chat_template([{'role': 'user', 'content': 'a'}], chat_template='{{ messages[0].content }}')\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(folder("generic"))], check=True, timeout=60)
