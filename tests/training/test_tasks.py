"""What tasks make of rows: labels at the right tokens, windows whose answers are where they should be, blocks of text."""

import json
from collections.abc import Callable
from dataclasses import fields
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from kit import checkpoints, example_rows

import bestiary
from bestiary.core import plugins
from bestiary.core.errors import ArgumentError
from bestiary.training.data_files import DataFiles, read_rows
from bestiary.training.evaluation import EvalPrediction
from bestiary.training.language_task import grouped, texts_of
from bestiary.training.task import Task
from bestiary.training.tasks.causal_language_modeling import CausalLanguageModeling
from bestiary.training.tasks.masked_language_modeling import MaskedLanguageModeling
from bestiary.training.tasks.multiple_choice import MultipleChoice
from bestiary.training.tasks.question_answering import QuestionAnswering, questions_of
from bestiary.training.tasks.summarization import Summarization
from bestiary.training.tasks.text_classification import TextClassification
from bestiary.training.tasks.token_classification import TokenClassification
from bestiary.training.tasks.translation import Translation

PACKAGE = "bestiary.training.tasks"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return bestiary.AutoTokenizer.from_pretrained(example_rows.encoder())


@pytest.mark.parametrize("name", plugins.names(PACKAGE))
def test_a_task_is_found_by_its_file(name: str) -> None:
    module = plugins.imported(f"{PACKAGE}.{name}")
    task = getattr(module, module.TASK)
    assert issubclass(task, Task)
    assert hasattr(bestiary, task.model_class)
    assert hasattr(bestiary, task.preprocessor_class)
    options = bestiary.HfArgumentParser(task).format_help()
    assert all(f"--{field.name}" in options for field in fields(task))


def config(values: dict[str, Any]) -> Any:
    return SimpleNamespace(**values)


def test_labels_are_numbered_in_their_order(tokenizer: Any) -> None:
    task = TextClassification()
    values = task.config_values([{"sentence": "a", "label": label} for label in (10, 2, 10)])
    assert values["label2id"] == {"2": 0, "10": 1}
    rows = [{"premise": "the fox", "hypothesis": "a dog", "label": 10}]
    features = task.features(rows, tokenizer, config(values))
    assert features[0]["label"] == 1
    assert features[0]["input_ids"] == tokenizer("the fox", "a dog")["input_ids"]
    assert task.config_values([{"label": 0.5}])["problem_type"] == "regression"
    with pytest.raises(ArgumentError, match="label '3' is not one of the model's: 2, 10"):
        task.features([{"text": "a", "label": 3}], tokenizer, config(values))
    with pytest.raises(ArgumentError, match="no column 'texts'.*There are: words, label"):
        task.features([{"words": "a", "label": 2}], tokenizer, config(values))


def test_metrics_of_glue(tokenizer: Any) -> None:
    task = TextClassification(task_name="mrpc")
    metrics = task.compute_metrics([], [], tokenizer, config({"num_labels": 2}))
    logits, labels = np.array([[0.0, 1], [1, 0], [0, 1]]), np.array([1, 1, 0])
    assert metrics(EvalPrediction(logits, labels)) == bestiary.glue_compute_metrics("mrpc", [1, 0, 1], labels)


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_word_of_several_tokens_has_its_label_once(tokenizer: Any, everywhere: bool) -> None:
    task = TokenClassification(label_all_tokens=everywhere)
    rows = [
        {"tokens": ["fox", "Xylophonists", "is"], "ner_tags": ["O", "B-PER", "O"]},
        {"tokens": ["a"], "ner_tags": ["I-PER"]},
    ]
    values = config(task.config_values(rows))
    features = task.features(rows, tokenizer, values)
    words = tokenizer([row["tokens"] for row in rows], is_split_into_words=True).word_ids(0)
    assert words.count(1) > 1
    numbers, first = values.label2id, words.index(1)
    rest = numbers["I-PER"] if everywhere else -100
    expected = [
        -100 if word is None else rest if word == 1 and place > first else numbers["B-PER" if word == 1 else "O"]
        for place, word in enumerate(words)
    ]
    assert features[0]["labels"] == expected
    batch = task.collator(tokenizer)(list(features))
    assert batch["labels"].shape == batch["input_ids"].shape
    assert (batch["labels"][batch["attention_mask"] == 0] == -100).all()


def test_windows_hold_their_answers(tokenizer: Any) -> None:
    """Every token of every text is in a window, and the labelled tokens are the answer."""
    task = QuestionAnswering(max_seq_length=20, doc_stride=5)
    rows = example_rows.questions(12)
    features = task.features(rows, tokenizer, None, training=False)
    assert len(features) > len(rows)
    found = set()
    for feature in features:
        row = rows[feature["example"]]
        start, end = feature["start_positions"], feature["end_positions"]
        if start:
            spans = feature["offset_mapping"]
            assert row["context"][spans[start][0] : spans[end][1]] == row["answers"]["text"][0]
            found.add(row["id"])
    assert found == {row["id"] for row in rows}


def test_answers_that_are_elsewhere_are_told_once(tokenizer: Any, caplog: pytest.LogCaptureFixture) -> None:
    places = {"dog": 999, "fox": -1, "a": 3, "the": 0}
    rows = [
        {"question": "who", "context": "the fox", "answers": {"text": [text], "answer_start": [place]}}
        for text, place in places.items()
    ]
    with caplog.at_level("WARNING", logger="bestiary"):
        QuestionAnswering(20, 5).features(rows, tokenizer, None)
    assert [each.getMessage()[:60] for each in caplog.records] == [
        "3 of 4 answers do not stand in context at answer_start (the "
    ]


@pytest.mark.parametrize("answers", [[], {"text": [3], "answer_start": [0]}, {"text": ["a"], "answer_start": []}, None])
def test_answers_that_are_none(answers: Any, tokenizer: Any) -> None:
    with pytest.raises(ArgumentError, match="row 1: answers is .*expected {'text'"):
        QuestionAnswering().features([{"question": "a", "context": "a", "answers": answers}], tokenizer, None)


@pytest.mark.parametrize("label", ["", None, float("nan"), "nan", [1, 2]])
def test_labels_that_are_none(label: Any, tokenizer: Any) -> None:
    """Neither of classes nor of a regression."""
    task = TextClassification()
    for other in (1, 0.5):
        with pytest.raises(ArgumentError, match="row 2 has .*label.*'label'"):
            task.config_values([{"text": "a", "label": other}, {"text": "b", "label": label}])
    with pytest.raises(ArgumentError, match="row 1 has .*'label'"):
        task.features([{"text": "a", "label": label}], tokenizer, config({"num_labels": 1}))
    with pytest.raises(ArgumentError, match=r"row 1 has \['b'\] in 'text'; expected a text"):
        task.features([{"text": ["b"], "label": 1}], tokenizer, config({"num_labels": 1}))


@pytest.mark.parametrize("version_2", [False, True])
def test_the_best_answer_is_the_best_span_of_all_windows(tokenizer: Any, version_2: bool) -> None:
    """Found by trying every span of every window."""
    task = QuestionAnswering(20, 5, version_2_with_negative=version_2, n_best_size=100, max_answer_length=3)
    rows = example_rows.questions(6)
    features = task.features(rows, tokenizer, None, training=False)
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(2, len(features), 20)) * 2
    found = task.answers(rows, features, logits)
    empty = 0
    for number, row in enumerate(rows):
        spans, null = [], []
        for place, feature in enumerate(features):
            if feature["example"] == number:
                offsets = feature["offset_mapping"]
                inside = [token for token, span in enumerate(offsets) if span is not None]
                null.append(logits[0, place, 0] + logits[1, place, 0])
                for start, end in product(inside, inside):
                    if start <= end < start + 3:
                        text = row["context"][offsets[start][0] : offsets[end][1]]
                        spans.append((logits[0, place, start] + logits[1, place, end], text))
        score, text = max(spans)
        text = "" if version_2 and min(null) > score else text
        empty += not text
        assert found[number].text == text
        assert found[number].null_odds == (pytest.approx(min(null) - score) if version_2 else None)
        best = found[number].best
        expected = sorted([*spans, (min(null), "")] if version_2 else spans, reverse=True)[:100]
        scores = [each for each, _ in expected] + ([min(null)] if version_2 and (min(null), "") not in expected else [])
        assert [each["score"] for each in best] == pytest.approx(scores)
        weights = np.exp(scores) / np.exp(scores).sum()
        assert [each["probability"] for each in best] == pytest.approx(weights)
        strict = QuestionAnswering(20, 5, version_2_with_negative=True, max_answer_length=3, null_score_diff_threshold=-1e9)
        assert strict.answers(rows, features, logits)[number].text == ""
    assert empty == 0 or version_2


def test_articles_of_squad_become_questions() -> None:
    asked = {"id": "1", "question": "q", "answers": [{"text": "b", "answer_start": 2}]}
    article = {"title": "t", "paragraphs": [{"context": "a b", "qas": [asked, {"id": "2", "question": "r"}]}]}
    first, second = questions_of([article])
    assert first == {"id": "1", "question": "q", "context": "a b", "answers": {"text": ["b"], "answer_start": [2]}}
    assert second["answers"] == {"text": [], "answer_start": []}


def test_texts_are_cut_into_blocks(tokenizer: Any) -> None:
    assert list(grouped([[1, 2, 3], [4, 5], [6, 7, 8]], 3)) == [[1, 2, 3], [4, 5, 6]]
    rows = [{"text": text} for text in checkpoints.TEXTS]
    features = CausalLanguageModeling(block_size=8).features(rows, tokenizer, config({"max_position_embeddings": 64}))
    ids = [token for row in rows for token in tokenizer(row["text"], verbose=False)["input_ids"]]
    assert [token for row in features for token in row["labels"]] == ids[: len(ids) // 8 * 8]
    longest = CausalLanguageModeling().features(rows, tokenizer, config({"max_position_embeddings": 16}))
    assert {len(row["input_ids"]) for row in longest} == {16}
    with pytest.raises(ArgumentError, match="a row of 64; pass block_size"):
        CausalLanguageModeling().features(rows[4:5], tokenizer, config({}))
    masked = MaskedLanguageModeling(max_seq_length=8).features(rows, tokenizer, config({}))
    assert [token for row in masked for token in row["input_ids"]] == ids[: len(ids) // 8 * 8]
    whole = MaskedLanguageModeling(line_by_line=True, whole_word_mask=True)
    batch = whole.collator(tokenizer)(list(whole.features(rows, tokenizer, config({}))))
    assert (batch["labels"] != -100).any()


def test_texts_that_are_written() -> None:
    t5 = bestiary.AutoTokenizer.from_pretrained(checkpoints.t5())
    task = Summarization(source_prefix="summarize: ")
    rows = [{"document": "the fox", "summary": "fox"}, {"document": "a dog", "summary": "dog dog"}]
    features = task.features(rows, t5, None)
    assert features[0]["input_ids"] == t5("summarize: the fox")["input_ids"]
    assert features[1]["labels"] == t5(text_target="dog dog")["input_ids"]
    batch = task.collator(t5)(list(features))
    ids = np.where(batch["labels"] == -100, t5.pad_token_id, batch["labels"])
    metrics = task.compute_metrics(rows, features, t5, None)(EvalPrediction(ids, batch["labels"].numpy()))
    assert metrics["rouge1"] == 100
    assert metrics["gen_len"] == np.mean([len(each["labels"]) for each in features])
    many = SimpleNamespace(src_lang="x", tgt_lang="x", __call__=None)
    translation = Translation(source_lang="en_XX", target_lang="ro_RO")
    assert translation.texts([{"translation": {"en": "a", "ro": "b"}}]) == (["a"], ["b"])
    with pytest.raises(TypeError):
        translation.features([{"en": "a", "ro": "b"}], many, None)
    assert (many.src_lang, many.tgt_lang) == ("en_XX", "ro_RO")
    with pytest.raises(ArgumentError, match="needs source_lang and target_lang"):
        Translation()


def test_choices(tokenizer: Any) -> None:
    rows = example_rows.choices(3)
    features = MultipleChoice().features(rows, tokenizer, None)
    assert features[1]["input_ids"][2] == tokenizer(rows[1]["sent1"], f"and then {rows[1]['ending2']}")["input_ids"]
    listed = [
        {"context": row["sent1"], "question": "and then", "endings": [row[f"ending{i}"] for i in range(3)]} for row in rows
    ]
    assert MultipleChoice().features(listed, tokenizer, None)[0]["input_ids"] == features[0]["input_ids"]
    with pytest.raises(ArgumentError, match="'endings' or 'ending0'"):
        MultipleChoice().features([{"context": "a", "question": "b"}], tokenizer, None)
    assert tuple(MultipleChoice().collator(tokenizer)(list(features))["input_ids"].shape[:2]) == (3, 3)


ROWS: list[dict[str, Any]] = [{"text": "a, b", "label": 1, "score": 0.5}, {"text": 'c "d"', "label": 0, "score": 2.0}]
WRITERS: dict[str, Callable[[Any], str]] = {
    "rows.jsonl": lambda path: example_rows.write_jsonl(path, ROWS),
    "rows.csv": lambda path: example_rows.write_csv(path, ROWS),
    "list.json": lambda path: str(path.write_text(json.dumps(ROWS)) and path),
    "data.json": lambda path: str(path.write_text(json.dumps({"version": 1, "data": ROWS})) and path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_rows_of_files(name: str, tmp_path: Any) -> None:
    assert read_rows(WRITERS[name](tmp_path / name)) == ROWS


def test_parts_of_data(tmp_path: Any) -> None:
    (tmp_path / "texts.txt").write_text("".join(f"line {number}\n" for number in range(40)))
    files = DataFiles(train_file=str(tmp_path / "texts.txt"), validation_split_percentage=10, max_train_samples=5)
    rows = files.rows()
    assert [row["text"] for row in rows["validation"]] == [f"line {number}" for number in range(4)]
    assert [row["text"] for row in rows["train"]] == [f"line {number}" for number in range(4, 9)]
    assert set(files.rows(validate=False)) == {"train"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("no.csv", None, "is not there"),
        ("a.xml", "x", "ends in '.xml'"),
        ("a.json", "{", "neither JSON nor JSON lines"),
        ("b.json", "[1]", "no list of rows"),
        ("c.csv", "a,b\n", "holds no rows"),
    ],
)
def test_files_that_hold_no_rows(name: str, text: str | None, words: str, tmp_path: Any) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises((bestiary.FileMissing, ArgumentError, bestiary.CorruptFile), match=words):
        read_rows(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"a,b\n1,2\n4\n", "line 3: 1 fields, and the first line names 2 columns"),
        ("b.csv", b'a,b\n"1\n2",2\n1,2,3\n', "line 4: 3 fields"),
        ("c.csv", b"a,a\n1,2\n", "line 1: the column 'a' is named twice"),
        ("d.csv", b'a,b\n1,2\n"3,4\n5,6\n', "line 3: a quote is not closed"),
        ("e.csv", "a\n\u00e9\n".encode("latin-1"), "is no UTF-8"),
        ("f.txt", "a\n".encode("utf-16-le"), "holds zero bytes, as UTF-16"),
        ("g.jsonl", b'{"a": 1}\n{"a": \n', "line 2"),
        ("h.json", b"[" * 200_000, "too deep in each other"),
    ],
)
def test_broken_files_are_told_with_the_line(name: str, content: bytes, words: str, tmp_path: Any) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(bestiary.CorruptFile, match=words):
        read_rows(tmp_path / name)


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        (["1e5", "12"], ["1e5", "12"]),
        (["007", "1"], ["007", "1"]),
        (["9" * 5000, "1"], ["9" * 5000, "1"]),
        (["nan", "0.5"], ["nan", "0.5"]),
        (["", "0.5"], ["", "0.5"]),
        (["x" * 200_000, "y"], ["x" * 200_000, "y"]),
        (["10", "-2"], [10, -2]),
        (["4.50", "1e-05"], [4.5, 1e-05]),
    ],
)
def test_only_columns_of_plain_numbers_become_numbers(texts: list[str], read: list[Any], tmp_path: Any) -> None:
    """And as texts they are what the file says."""
    (tmp_path / "a.csv").write_text("".join(f"{each},t\n" for each in ["text", *texts]))
    found = [row["text"] for row in read_rows(tmp_path / "a.csv")]
    assert found == read
    assert texts_of([{"text": each} for each in found], None) == texts


def test_lines_end_in_line_feeds_only(tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffa\u2028b\fc\r\n\nd\n".encode())
    assert [row["text"] for row in read_rows(tmp_path / "a.txt")] == ["a\u2028b\fc", "", "d"]
    (tmp_path / "a.jsonl").write_text('{"a": "b\u2028c"}\n{"a": "d"}\n', encoding="utf-8")
    assert read_rows(tmp_path / "a.jsonl") == [{"a": "b\u2028c"}, {"a": "d"}]


@pytest.mark.parametrize(
    "named", ["name,label\na.png,1", "file_name\n7", "file_name\n../../etc/passwd", "file_name\n/etc/passwd"]
)
def test_images_stay_within_their_folder(named: str, tmp_path: Any) -> None:
    (tmp_path / "metadata.csv").write_text(named + "\n")
    with pytest.raises(bestiary.CorruptFile, match="row 1: file_name .*expected .*path"):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("validation_split_percentage", -50),
        ("validation_split_percentage", 150),
        ("max_train_samples", -1),
        ("max_eval_samples", 0),
    ],
)
def test_numbers_of_rows_that_are_none(name: str, value: int) -> None:
    with pytest.raises(ArgumentError, match=f"{name} is {value}; expected"):
        DataFiles(train_file="a.txt", **{name: value})  # type: ignore[arg-type]


def test_nothing_is_named() -> None:
    with pytest.raises(ArgumentError, match="no data is named"):
        DataFiles()
