"""DPR's reader: rows of question, title and passage, and the answers found in them, against the reference."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.tokenizer_files import write

from bestiary.core.errors import InputError
from bestiary.models.dpr import DPRReaderTokenizer
from bestiary.models.dpr.model import DPRReaderOutput


@pytest.fixture
def both(tmp_path: Path) -> tuple[Any, Any]:
    folder = write("bert", tmp_path)
    return DPRReaderTokenizer.from_pretrained(folder), transformers.DPRReaderTokenizer.from_pretrained(folder)


TITLES = ["The fox", "A lazy dog", "Numbers"]
TEXTS = ["The quick brown fox jumps over the dog.", "The dog sleeps on, and on.", "1 23 456"]


@pytest.mark.parametrize(
    "options",
    [{}, {"padding": True, "return_tensors": "pt"}, {"truncation": True, "max_length": 12}, {"return_attention_mask": False}],
    ids=["plain", "padded", "cut", "no mask"],
)
def test_rows(both: tuple[Any, Any], options: dict[str, Any]) -> None:
    ours, theirs = (dict(tokenizer("Who sleeps?", TITLES, TEXTS, **options)) for tokenizer in both)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]) if isinstance(value, torch.Tensor) else value == theirs[name]
    assert dict(both[0]("Who?", titles="A dog")) == dict(both[1]("Who?", titles="A dog"))


def test_other_numbers_of_titles_and_texts_are_refused(both: tuple[Any, Any]) -> None:
    with pytest.raises(InputError, match="1 questions, 2 titles and 3 texts"):
        both[0](["Who?"], TITLES[:2], TEXTS)


@pytest.mark.parametrize("options", [{}, {"num_spans": 3, "max_answer_length": 2}, {"num_spans_per_passage": 1}], ids=str)
def test_best_spans(both: tuple[Any, Any], options: dict[str, Any]) -> None:
    rows = both[0]("Who sleeps?", TITLES, TEXTS, padding=True, return_tensors="pt")
    torch.manual_seed(0)
    shape = rows["input_ids"].shape
    output = DPRReaderOutput(torch.randn(shape), torch.randn(shape), torch.randn(shape[0]))
    ours, theirs = (tokenizer.decode_best_spans(rows, output, **options) for tokenizer in both)
    assert [tuple(map(str, answer)) for answer in ours] == [tuple(map(str, answer)) for answer in theirs]
