"""GLUE, XNLI and SQuAD give what the last published release that had them gave: readers, features, metrics, predictions."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kit import benchmark_cases, checkpoints

import bestiary
from bestiary.core.errors import ArgumentError, CorruptFile, FileMissing, InputError
from bestiary.training.benchmark_datasets import (
    examples,
    glue,
    squad_examples,
    squad_features,
    squad_metrics,
    squad_predictions,
    text_files,
    xnli,
)
from bestiary.training.metrics import answers

MODULES = (examples, glue, xnli, squad_examples, squad_features, squad_predictions, squad_metrics, answers, text_files)
EXPECTED = json.loads((Path(__file__).parents[1] / "golden" / "benchmarks.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmarks")
    benchmark_cases.write_files(folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return bestiary.BertTokenizer(str(folder / "vocab.txt"))


@pytest.fixture(scope="module")
def found(folder: Path, tokenizer: Any) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for module in MODULES:
        names |= vars(module)
    return benchmark_cases.results(SimpleNamespace(**names), tokenizer, folder)


def assert_same(ours: Any, expected: Any, place: str = "") -> None:
    """Equal, numbers to 1e-9."""
    if isinstance(expected, dict):
        assert set(ours) == set(expected), place
        for name in expected:
            assert_same(ours[name], expected[name], f"{place}.{name}")
    elif isinstance(expected, list):
        assert len(ours) == len(expected), place
        for number, pair in enumerate(zip(ours, expected, strict=True)):
            assert_same(*pair, f"{place}[{number}]")
    elif isinstance(expected, float):
        assert ours == pytest.approx(expected, rel=1e-9, abs=1e-12), place
    else:
        assert ours == expected, place


@pytest.mark.parametrize("name", EXPECTED)
def test_same_as_published(name: str, found: dict[str, Any]) -> None:
    assert_same(found[name], EXPECTED[name], name)


def test_nothing_is_left_out(found: dict[str, Any]) -> None:
    assert set(found) == set(EXPECTED)


def test_data_sets_of_rows(folder: Path, tokenizer: Any) -> None:
    args = bestiary.GlueDataTrainingArguments("SST-2", str(folder), max_seq_length=8)
    (folder / "sst").mkdir()
    (folder / "sst" / "train.tsv").write_text("sentence\tlabel\nthe fox\t1\nnot here\t0\n")
    args.data_dir = str(folder / "sst")
    rows = bestiary.GlueDataset(args, tokenizer)
    assert [row.label for row in rows] == [1, 0]
    assert rows[0].input_ids == tokenizer("the fox", padding="max_length", max_length=8)["input_ids"]
    assert len(bestiary.GlueDataset(args, tokenizer, limit_length=1)) == 1
    assert (rows.get_labels(), rows.output_mode) == (["0", "1"], "classification")
    squad = bestiary.SquadDataTrainingArguments("bert", str(folder), 24, 6, 8, version_2_with_negative=True)
    rows = bestiary.SquadDataset(squad, tokenizer)
    expected = EXPECTED["squad train"][0]
    assert [int(row["start_positions"]) for row in rows] == [row["start_position"] for row in expected]
    assert set(rows[0]) == {"input_ids", "attention_mask", "token_type_ids", "start_positions", "end_positions"}
    squad.model_type = "xlm"
    sensitive = bestiary.SquadDataset(squad, tokenizer, mode="dev", is_language_sensitive=True)
    assert {"cls_index", "p_mask", "is_impossible", "langs"} <= set(sensitive[0])
    assert "start_positions" not in sensitive[0]


def test_labels_of_mnli_follow_the_checkpoints_of_roberta(folder: Path) -> None:
    args = bestiary.GlueDataTrainingArguments("mnli", str(folder))

    class RobertaTokenizer:
        model_max_length = 8

        def __call__(self, texts: list[Any], **options: Any) -> dict[str, list[list[int]]]:
            return {"input_ids": [[1]] * len(texts)}

    lines = "\n".join("\t".join([*"0123456789", "10", "11", "12", label]) for label in ("gold", "neutral", "entailment"))
    (folder / "mnli").mkdir()
    (folder / "mnli" / "train.tsv").write_text(lines)
    args.data_dir = str(folder / "mnli")
    rows = bestiary.GlueDataset(args, RobertaTokenizer())
    assert rows.get_labels() == ["contradiction", "neutral", "entailment"]
    assert [row.label for row in rows] == [1, 2]


def test_windows_on_the_left_and_of_other_tokenizers(folder: Path, tokenizer: Any) -> None:
    """Places are those of the tokens wherever the padding is, and answers lie where they are."""
    examples = bestiary.SquadV2Processor().get_train_examples(str(folder))
    byte_level = checkpoints.bytelevel()
    for other, sides in ((tokenizer, ("left", "right")), (byte_level, ("right",))):
        for side in sides:
            other.padding_side = side
            rows = bestiary.squad_convert_examples_to_features(examples[:2], other, 40, 8, 8, True)
            inside = [row for row in rows if not row.is_impossible]
            assert inside
            for row in inside:
                ids = row.input_ids[row.start_position : row.end_position + 1]
                answer = "Paris" if row.qas_id == "a" else "brown fox"
                assert other.decode(ids).strip().lower() == answer.lower(), (side, row.tokens)
    tokenizer.padding_side = "right"


REFUSED = {
    "no file": (lambda folder: bestiary.SquadV1Processor().get_train_examples("nowhere"), FileMissing, "is not there"),
    "no name": (lambda folder: squad_examples.SquadProcessor().get_dev_examples("x"), ArgumentError, "names no file"),
    "another file": (
        lambda folder: bestiary.SquadV1Processor().get_dev_examples(str(folder), "other.json"),
        CorruptFile,
        "no list 'data'",
    ),
    "no TSV": (lambda folder: glue.RteProcessor().get_dev_examples("nowhere"), FileMissing, "RteProcessor reads"),
    "no task": (lambda folder: bestiary.glue_compute_metrics("rat", [1], [1]), KeyError, "no task of GLUE"),
    "lengths": (lambda folder: bestiary.glue_compute_metrics("rte", [1], [1, 0]), InputError, "1 predictions and 2 labels"),
    "none": (lambda folder: bestiary.glue_compute_metrics("rte", [], []), InputError, "at least one"),
    "labels": (
        lambda folder: bestiary.SingleSentenceClassificationProcessor().add_examples(["a"], labels=[1, 2]),
        ArgumentError,
        "labels has 2 entries for 1 texts",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_words(name: str, folder: Path) -> None:
    (folder / "other.json").write_text("[]")
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call(folder)


def test_room_for_a_paragraph(folder: Path, tokenizer: Any) -> None:
    examples = bestiary.SquadV1Processor().get_dev_examples(str(folder))
    with pytest.raises(ArgumentError, match="leaves 0 tokens"):
        bestiary.squad_convert_examples_to_features(examples, tokenizer, 10, 6, 7, False)


def test_old_paths() -> None:
    code = """
from bestiary.compat import install
install()
from transformers import glue_compute_metrics, SquadV2Processor, InputExample, xnli_processors, TextDataset
from transformers.data.metrics.squad_metrics import compute_predictions_log_probs, get_final_text, squad_evaluate
from transformers.data.processors.squad import SquadResult, SquadProcessor
from transformers.data.processors.glue import MrpcProcessor, OutputMode
from transformers.data.metrics import acc_and_f1, pearson_and_spearman, simple_accuracy
from transformers.data.datasets import GlueDataset, SquadDataset, LineByLineTextDataset
print(glue_compute_metrics("mrpc", [1, 0], [1, 1])["acc"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "0.5\n", done.stderr
