"""Every program of `examples/training` trains a tiny model on data that it can learn, and learns it; nothing is fetched."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from kit import checkpoints, example_rows
from PIL import Image

import bestiary

NEW_HEAD, NO_POOLER = r"[\s\S]*new, to be trained", "the loss does not depend on pooler"
pytestmark = [pytest.mark.filterwarnings(f"ignore:{told}") for told in (NEW_HEAD, NO_POOLER)]
FOLDER = Path(__file__).parents[2] / "examples" / "training"
COMMON = [
    "--use_cpu",
    "--disable_tqdm",
    "True",
    "--report_to",
    "none",
    "--save_strategy",
    "no",
    "--do_train",
    "--do_eval",
    "--seed",
    "0",
]
Train = Callable[..., dict[str, Any]]


@pytest.fixture
def train(program: Callable[[str], ModuleType], tmp_path: Path) -> Train:
    """Runs a program, and gives the metrics that it returns."""

    def run(name: str, *arguments: object, common: list[str] = COMMON) -> dict[str, Any]:
        given = [*map(str, arguments), *common, "--output_dir", str(tmp_path / "out")]
        found: dict[str, Any] = program(f"training/{name}").main(given)
        return found

    return run


def fitting(epochs: int, rate: float = 3e-3, size: int = 16) -> list[object]:
    """Options of a short training."""
    return ["--num_train_epochs", epochs, "--learning_rate", rate, "--per_device_train_batch_size", size]


def files(folder: Path, rows: Callable[..., list[dict[str, Any]]], train: int, held: int) -> list[str]:
    """Options that name files with so many rows to train and to evaluate on."""
    paths = [
        example_rows.write_jsonl(folder / f"{part}.jsonl", rows(count, seed))
        for seed, (part, count) in enumerate({"train": train, "dev": held}.items())
    ]
    return ["--train_file", paths[0], "--validation_file", paths[1]]


def test_text_classification(train: Train, tmp_path: Path) -> None:
    paths = [
        example_rows.write_csv(tmp_path / f"{part}.csv", example_rows.labelled(count, seed))
        for seed, (part, count) in enumerate({"train": 64, "dev": 32, "test": 8}.items())
    ]
    data = ["--train_file", paths[0], "--validation_file", paths[1], "--test_file", paths[2], "--do_predict"]
    metrics = train("text_classification", "--model_name_or_path", example_rows.encoder(), *data, *fitting(6))
    assert metrics["eval_accuracy"] > 0.9
    assert metrics["test_accuracy"] > 0.9
    assert (metrics["train_samples"], metrics["eval_samples"]) == (64, 32)
    model = bestiary.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert model.config.id2label == {0: "animal", 1: "thing"}
    kept = json.loads((tmp_path / "out" / "all_results.json").read_text())
    assert kept["eval_accuracy"] == metrics["eval_accuracy"]
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "train_results.json",
        "eval_results.json",
        "trainer_state.json",
    }
    only = ["--use_cpu", "--disable_tqdm", "True", "--do_eval"]
    data = ["--validation_file", paths[1], "--max_eval_samples", 10]
    again = train("text_classification", "--model_name_or_path", tmp_path / "out", *data, common=only)
    assert again["eval_samples"] == 10
    assert again["eval_accuracy"] > 0.8


def test_text_regression(train: Train, tmp_path: Path) -> None:
    data = files(tmp_path, example_rows.counted, 192, 48)
    metrics = train("text_classification", "--model_name_or_path", example_rows.encoder(), *data, *fitting(8))
    assert metrics["eval_pearson"] > 0.95
    assert metrics["eval_mse"] == pytest.approx(metrics["eval_loss"], abs=1e-5)


def test_token_classification(train: Train, tmp_path: Path) -> None:
    data = files(tmp_path, example_rows.tagged, 64, 32)
    metrics = train("token_classification", "--model_name_or_path", example_rows.encoder(), *data, *fitting(8))
    assert metrics["eval_f1"] > 0.9


def test_question_answering(train: Train, tmp_path: Path) -> None:
    data = [
        *files(tmp_path, example_rows.questions, 96, 32),
        "--max_seq_length",
        24,
        "--doc_stride",
        6,
        "--max_answer_length",
        4,
    ]
    unanswered = [{name: value for name, value in row.items() if name != "answers"} for row in example_rows.questions(5, 9)]
    data += ["--test_file", example_rows.write_jsonl(tmp_path / "test.jsonl", unanswered), "--do_predict"]
    data += ["--version_2_with_negative", "--null_score_diff_threshold", 1e9]  # the best text is the answer
    metrics = train("question_answering", "--model_name_or_path", example_rows.encoder(), *data, *fitting(8))
    assert metrics["eval_exact_match"] > 70
    assert metrics["eval_f1"] >= metrics["eval_exact_match"]
    assert metrics["train_samples"] > 96  # windows
    tables = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out").glob("*_*.json")}
    asked = {row["id"]: row["answers"]["text"][0] for row in example_rows.questions(32, 1)}
    assert list(tables["eval_predictions"]) == list(asked)
    right = sum(tables["eval_predictions"][key] == text for key, text in asked.items())
    assert 100 * right / 32 == pytest.approx(metrics["eval_exact_match"])
    for part, rows in (("eval", list(asked)), ("predict", [row["id"] for row in unanswered])):
        best, odds = tables[f"{part}_nbest_predictions"], tables[f"{part}_null_odds"]
        assert list(tables[f"{part}_predictions"]) == list(best) == list(odds) == rows
        for key, answers in best.items():
            first = next(each for each in answers if each["text"])
            null = next(each for each in answers if not each["text"])
            assert tables[f"{part}_predictions"][key] == first["text"]
            assert odds[key] == pytest.approx(null["score"] - first["score"])
            assert sum(each["probability"] for each in answers) == pytest.approx(1)


def test_multiple_choice(train: Train, tmp_path: Path) -> None:
    data = files(tmp_path, example_rows.choices, 48, 32)
    metrics = train("multiple_choice", "--model_name_or_path", example_rows.encoder(), *data, *fitting(8))
    assert metrics["eval_accuracy"] > 0.8


def test_summarization(train: Train, tmp_path: Path) -> None:
    data = [*files(tmp_path, example_rows.copies, 96, 24), "--predict_with_generate", "--generation_max_length", 12]
    metrics = train(
        "summarization", "--model_name_or_path", checkpoints.t5(), *data, "--source_prefix", "summarize: ", *fitting(12, 5e-3)
    )
    assert metrics["eval_rougeL"] > 60
    assert 2 <= metrics["eval_gen_len"] <= 12


def test_translation(train: Train, tmp_path: Path) -> None:
    def rows(count: int, seed: int) -> list[dict[str, Any]]:
        return [{"translation": {"en": row["text"], "ro": row["summary"]}} for row in example_rows.copies(count, seed)]

    data = [*files(tmp_path, rows, 48, 16), "--predict_with_generate", "--generation_max_length", 12, "--max_train_samples", 40]
    options = ["--source_lang", "en", "--target_lang", "ro_RO"]
    metrics = train("translation", "--model_name_or_path", checkpoints.t5(), *data, *options, *fitting(1))
    assert metrics["train_samples"] == 40
    assert 0 <= metrics["eval_bleu"] <= 100


def test_causal_language_model(train: Train, tmp_path: Path) -> None:
    text = " ".join(checkpoints.TEXTS).replace("\n", " ")
    (tmp_path / "texts.txt").write_text("\n".join([text] * 6))
    model = [
        "--model_name_or_path",
        checkpoints.gpt2(),
        "--from_scratch",
        "--vocab_size",
        280,
        "--config_overrides",
        "n_layer=1",
    ]
    data = ["--train_file", tmp_path / "texts.txt", "--validation_file", tmp_path / "texts.txt", "--block_size", 32]
    metrics = train("causal_language_model", *model, *data, *fitting(25, 1e-2, 8))
    made = bestiary.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    tokenizer = bestiary.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert made.config.vocab_size == len(tokenizer) == 280
    assert made.config.n_layer == 1
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["eval_loss"]))
    assert metrics["perplexity"] < 30 < 280
    assert metrics["eval_accuracy"] > 0.2
    ids = [token for line in [text] * 6 for token in tokenizer(line, verbose=False)["input_ids"]]
    assert metrics["train_samples"] == len(ids) // 32  # all but the end of the texts


def test_masked_language_model(train: Train, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 40)
    data = ["--train_file", tmp_path / "texts.txt", "--validation_split_percentage", 20, "--line_by_line"]
    metrics = train(
        "masked_language_model", "--model_name_or_path", checkpoints.bert("BertForMaskedLM"), *data, *fitting(25, 5e-3, 8)
    )
    assert metrics["eval_accuracy"] > 0.6
    assert (metrics["train_samples"], metrics["eval_samples"]) == (32, 8)


def image_folder(folder: Path, count: int, seed: int) -> Path:
    """Red and blue pictures, a folder each, and captions."""
    draw = np.random.default_rng(seed)
    captions = []
    for name, channel in {"fox": 0, "rains": 2}.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = draw.integers(0, 80, (32, 32, 3), dtype=np.uint8)
            pixels[..., channel] += 150
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
            captions.append({"file_name": f"{name}/{number}.png", "caption": f"a {name}"})
    return folder


def test_image_classification(train: Train, tmp_path: Path) -> None:
    data = ["--train_file", image_folder(tmp_path / "train", 12, 0), "--validation_file", image_folder(tmp_path / "dev", 6, 1)]
    metrics = train("image_classification", "--model_name_or_path", checkpoints.vit("ViTModel"), *data, *fitting(3, 1e-3, 8))
    assert metrics["eval_accuracy"] == 1
    assert bestiary.AutoImageProcessor.from_pretrained(tmp_path / "out").size == {"height": 32, "width": 32}


def test_image_text_contrastive(train: Train, tmp_path: Path) -> None:
    for part, seed in (("train", 0), ("dev", 1)):
        folder = image_folder(tmp_path / part, 8, seed)
        rows = [
            {"file_name": f"{name}/{number}.png", "caption": f"a {name}"} for number in range(8) for name in ("fox", "rains")
        ]
        example_rows.write_jsonl(folder / "metadata.jsonl", rows)
    data = ["--train_file", tmp_path / "train", "--validation_file", tmp_path / "dev", "--remove_unused_columns=False"]
    sizes = ["--per_device_eval_batch_size", 2]  # a picture of each kind
    metrics = train("image_text_contrastive", "--model_name_or_path", checkpoints.clip(), *data, *fitting(6, 1e-3, 2), *sizes)
    assert metrics["eval_loss"] < 0.4 < math.log(2)  # of a model that cannot tell two pictures apart


def test_sentence_embeddings(train: Train, tmp_path: Path) -> None:
    paths = [
        example_rows.write_jsonl(tmp_path / f"{seed}.jsonl", example_rows.pairs(count, seed))
        for seed, count in enumerate((96, 48, 24))
    ]
    model = ["--model_name_or_path", example_rows.encoder()]
    data = ["--train_files", *paths[:2], "--validation_file", paths[2], "--per_device_eval_batch_size", 24]
    before = train("sentence_embeddings", *model, *data, common=[each for each in COMMON if each != "--do_train"])
    metrics = train("sentence_embeddings", *model, *data, "--weights", 3, 1, *fitting(20, 3e-3, 24))
    assert metrics["eval_recall_at_1"] > before["eval_recall_at_1"] + 0.1
    assert metrics["eval_loss"] < before["eval_loss"] - 0.2


def test_without_a_trainer(train: Train, tmp_path: Path) -> None:
    data = files(tmp_path, example_rows.labelled, 64, 32)
    options = [*fitting(8, 5e-3), "--gradient_accumulation_steps", 2, "--seed", 0]
    metrics = train(
        "text_classification_no_trainer", "--model_name_or_path", example_rows.encoder(), *data, *options, common=[]
    )
    assert metrics["accuracy"] > 0.9
    assert json.loads((tmp_path / "out" / "all_results.json").read_text()) == metrics
    assert bestiary.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").config.id2label[0] == "animal"


def test_all_programs_are_short_tested_and_listed() -> None:
    names = {path.stem: len(path.read_text().splitlines()) for path in FOLDER.glob("*.py")}
    assert max(names.values()) <= 105
    tested = set(re.findall(r"train\(\s*\"(\w+)\"", Path(__file__).read_text()))
    assert tested == set(names)
    table = (FOLDER.parent / "README.md").read_text()
    listed = set(re.findall(r"`(?:python )?examples/([\w/]+)\.py", table)) | set(re.findall(r"\]\(([\w/]+)\.py\)", table))
    programs = {str(path.relative_to(FOLDER.parent).with_suffix("")) for path in FOLDER.parent.rglob("*.py")}
    assert listed == {name for name in programs if not name.startswith("embedded_model/")}  # parts of a program
