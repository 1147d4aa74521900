"""Tables as text, against stored ids of the last release of the reference that had this tokenizer."""

import json
from pathlib import Path

import pytest
from kit import tables

from bestiary.core.errors import InputError
from bestiary.models.bart import TapexTokenizer

STORED = json.loads((Path(__file__).parents[2] / "golden" / "tables.json").read_text(encoding="utf-8"))


def opened(folder: Path, **options: object) -> TapexTokenizer:
    vocab, merges = tables.write_byte_pairs(folder)
    return TapexTokenizer(vocab, merges, **options)


@pytest.mark.filterwarnings("ignore:a table without rows", "ignore:nothing is asked")
@pytest.mark.parametrize("number", range(len(tables.CALLS)))
@pytest.mark.parametrize(
    ("kind", "options"), [("calls", {}), ("cased", {"do_lower_case": False, "max_cell_length": 6})], ids=["lower", "cased"]
)
def test_tables_and_questions(tmp_path: Path, number: int, kind: str, options: dict) -> None:
    table, query, further = tables.CALLS[number]
    assert dict(opened(tmp_path, **options)(table, query, **further)) == STORED[kind][number]


@pytest.mark.parametrize("number", range(len(tables.ANSWERS)))
def test_answers(tmp_path: Path, number: int) -> None:
    assert dict(opened(tmp_path)(answer=tables.ANSWERS[number])) == STORED["answers"][number]


def test_a_data_frame_is_the_mapping_it_is_made_of(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas, which no extra of this package installs")
    tokenizer = opened(tmp_path)
    frame = pandas.DataFrame({**tables.TABLE, "n": [1, 2, 3, 4, 5]})
    assert tokenizer.encode(frame, "Which?") == tokenizer.encode({**tables.TABLE, "n": [1, 2, 3, 4, 5]}, "Which?")


def test_rows_are_dropped_until_the_rest_fits(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path)
    query = "What is 1017 of"
    whole = tokenizer.decode(tokenizer(tables.LONG, query)["input_ids"], skip_special_tokens=True)
    assert whole.count(" row ") == 30
    for room in (120, 200, 400):
        ids = tokenizer(tables.LONG, query, truncation="drop_rows_to_fit", max_length=room)["input_ids"]
        text = tokenizer.decode(ids, skip_special_tokens=True)
        assert len(ids) <= room
        assert len(ids) > room - 60
        assert "1017" in text.partition("row")[2]
        assert f"row {text.count(' row ')} :" in text
        assert text == tokenizer.decode(
            tokenizer(tables.LONG, query, truncation="drop_rows_to_fit", max_length=room).input_ids, True
        )


def test_saved_and_opened_again(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, max_cell_length=6)
    tokenizer.save_pretrained(tmp_path / "saved")
    again = TapexTokenizer.from_pretrained(tmp_path / "saved")
    assert dict(again(tables.TABLE, "Which city?")) == dict(tokenizer(tables.TABLE, "Which city?"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({}, "pass table="),
        ({"table": 3, "query": "a"}, "data frame"),
        ({"table": {"a": ["1"], "b": []}, "query": "a"}, "one length"),
        ({"table": [tables.TABLE] * 2, "query": ["a"] * 3}, "2 tables and 3 questions"),
        ({"table": tables.TABLE, "query": 5}, "found int"),
    ],
)
def test_bad_input_is_refused_in_words(tmp_path: Path, call: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        opened(tmp_path)(**call)
