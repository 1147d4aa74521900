"""Data sets of pairs and the optimizer of older releases: what release 4.46 gave, recorded from it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

import bestiary
from bestiary.core.errors import ArgumentError, FileMissing
from bestiary.training.benchmark_datasets.paired_texts import (
    LineByLineWithSOPTextDataset,
    TextDatasetForNextSentencePrediction,
)
from bestiary.training.benchmark_datasets.text_files import LineByLineWithRefDataset
from bestiary.training.optimizers.older_adamw import AdamW

LINES = ["a b c d", "e f g", "", "h i j k l", "m n", "o p q r s t", "", "u v", "w x y z", "a c e"]
ARTICLES = ["<doc id=1>", "title", *LINES[:2], "", *LINES[3:6], "</doc>", "<doc id=2>", "head", *LINES[7:], "</doc>", "x y"]
# Seed -> ids of each row ([CLS] is 2, [SEP] 3), its label, and the next random number.
NEXT: dict[int, Any] = {
    0: (
        [
            "2 5 6 7 8 3 27 28 29 30 5 7 9 3",
            "2 9 10 11 3 17 18 19 20 21 22 23 24 3",
            "2 12 13 14 15 16 17 18 3 19 20 21 22 23 24 3",
            "2 25 26 3 9 10 11 3",
            "2 27 28 29 30 3 9 10 11 3",
            "2 5 7 9 3 19 20 21 22 23 24 3",
        ],
        [1, 1, 0, 1, 1, 1],
        0.1007012080683658,
    ),
    1: (
        [
            "2 5 6 7 8 3 17 18 19 20 21 22 23 24 3",
            "2 9 10 11 3 19 20 21 22 23 24 3",
            "2 12 13 14 15 16 3 9 10 11 3",
            "2 17 18 3 19 20 21 22 23 24 3",
            "2 25 26 27 28 29 30 3 5 6 7 8 3",
            "2 5 7 9 3 12 13 14 15 16 17 18 3",
        ],
        [1, 1, 1, 0, 1, 1],
        0.022322111021323865,
    ),
}
ORDER: dict[int, Any] = {
    0: (
        [
            "2 12 13 14 15 16 3 6 7 8 9 3",
            "2 17 18 3 19 20 21 22 23 24 3",
            "2 25 26 3 27 28 29 30 5 7 9 3",
        ],
        [1, 0, 0],
        0.28183784439970383,
    ),
    1: (
        [
            "2 11 12 13 14 15 3 5 6 7 8 3",
            "2 19 20 21 22 23 24 3 17 18 3",
            "2 25 26 27 28 29 30 3 5 7 9 3",
        ],
        [1, 1, 0],
        0.767157629147962,
    ),
}
ALONE = {
    0: ("2 9 10 11 12 13 3 7 8 9 10 3", 1, 0.6019020743829455),
    1: ("2 9 10 11 12 13 3 9 10 11 12 3", 1, 0.030589983033553536),
}


@pytest.fixture
def tokenizer(tmp_path: Path) -> Any:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    return bestiary.BertTokenizer(str(tmp_path / "vocab.txt"))


def check(dataset: Any, label: str, expected: Any) -> None:
    ids, labels, number = expected
    assert [" ".join(map(str, row["input_ids"].tolist())) for row in dataset] == ids
    assert [int(row[label]) for row in dataset] == labels
    for row in dataset:
        second = row["input_ids"].tolist().index(3) + 1
        assert row["token_type_ids"].tolist() == [int(place >= second) for place in range(len(row["input_ids"]))]
    assert random.random() == number
    assert len(dataset) == len(ids)


@pytest.fixture(autouse=True)
def _as_before() -> Any:
    state = random.getstate()
    yield
    random.setstate(state)


@pytest.mark.parametrize("seed", NEXT)
def test_next_sentences(seed: int, tokenizer: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("\n".join(LINES))
    random.seed(seed)
    check(TextDatasetForNextSentencePrediction(tokenizer, str(tmp_path / "text.txt"), 12), "next_sentence_label", NEXT[seed])
    with pytest.raises(FileMissing):
        TextDatasetForNextSentencePrediction(tokenizer, str(tmp_path / "none.txt"), 12)


@pytest.mark.parametrize("seed", ORDER)
def test_sentences_in_order(seed: int, tokenizer: Any, tmp_path: Path) -> None:
    for name, lines in (("two", ARTICLES), ("one", ["<doc id=1>", "title", "a b c d e f g h i j k l", "</doc>"])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text.txt").write_text("\n".join(lines))
        random.seed(seed)
        ids, label, number = ALONE[seed]
        expected = ORDER[seed] if name == "two" else ([ids], [label], number)
        check(LineByLineWithSOPTextDataset(tokenizer, str(tmp_path / name), 12), "sentence_order_label", expected)
    with pytest.raises(FileMissing, match="expected a folder"):
        LineByLineWithSOPTextDataset(tokenizer, str(tmp_path / "none"), 12)


def test_lines_with_marks(tokenizer: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("\n".join(LINES))
    (tmp_path / "marks.txt").write_text("\n".join(json.dumps([1, index]) for index in range(8)))
    rows = LineByLineWithRefDataset(tokenizer, str(tmp_path / "text.txt"), 12, str(tmp_path / "marks.txt"))
    assert [row["chinese_ref"].tolist() for row in rows] == [[1, index] for index in range(8)]
    assert rows[0]["input_ids"].tolist() == [2, 5, 6, 7, 8, 3]
    (tmp_path / "marks.txt").write_text("[1]")
    with pytest.raises(ArgumentError, match="has 8 lines"):
        LineByLineWithRefDataset(tokenizer, str(tmp_path / "text.txt"), 12, str(tmp_path / "marks.txt"))


STEPS = {
    True: [[0.8910062909126282, -1.976965308189392], [0.7865459322929382, -1.9508858919143677]],
    False: [[0.6769543290138245, -1.9704034328460693], [0.2641349732875824, -1.9238853454589844]],
}


@pytest.mark.parametrize("correct_bias", STEPS)
def test_steps_of_the_optimizer(correct_bias: bool) -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = AdamW([weight], lr=0.1, weight_decay=0.1, correct_bias=correct_bias, no_deprecation_warning=True)
    for number, expected in enumerate(STEPS[correct_bias], 1):
        weight.grad = torch.tensor([0.5, -1e-6]) * number
        optimizer.step()
        assert weight.tolist() == pytest.approx(expected, abs=1e-6)
    for wrong in ({"lr": -1.0}, {"betas": (1.0, 0.9)}, {"eps": -1.0}):
        with pytest.raises(ValueError, match="expected lr and eps"):
            AdamW([weight], **wrong)  # type: ignore[arg-type]
