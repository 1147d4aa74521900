"""Cards of trainings: the same facts as the reference's, in words of our own."""

import re
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import transformers
import yaml
from tests.kit.training import config, rows
from transformers import modelcard

import bestiary
from bestiary.training.model_card.history import make_markdown_table, parse_log_history
from bestiary.training.model_card.hyperparameters import extract_hyperparameters_from_trainer
from bestiary.training.model_card.summary import TrainingSummary, infer_metric_tags_from_eval_results

HISTORY: list[dict[str, Any]] = [
    {"loss": 1.0, "step": 2, "epoch": 0.5, "learning_rate": 1, "grad_norm": 1},
    {
        "eval_loss": 0.9,
        "eval_accuracy": 0.5,
        "eval_x_y": 2,
        "eval_runtime": 1,
        "eval_samples_per_second": 1,
        "epoch": 1.0,
        "step": 4,
    },
    {"loss": 0.812345678, "step": 6, "epoch": 1.5},
    {"eval_loss": 0.7, "eval_accuracy": 0.6, "eval_x_y": 3, "epoch": 2.0, "step": 8, "eval_steps_per_second": 1},
    {"train_runtime": 3, "train_loss": 0.9, "step": 8, "epoch": 2.0},
]


@pytest.mark.parametrize(
    "history",
    [HISTORY, HISTORY[:1], [], HISTORY[4:], HISTORY[1:2], HISTORY[:4], [*HISTORY, {**HISTORY[1], "epoch": 2.0, "step": 8}]],
    ids=range(7),
)
def test_histories(history: list[dict[str, Any]]) -> None:
    assert parse_log_history(history) == modelcard.parse_log_history(history)
    rows = parse_log_history(history)[1]
    assert make_markdown_table(rows) == modelcard.make_markdown_table(rows)


def test_an_evaluation_that_is_the_first_entry_is_found_too() -> None:  # there it is not
    assert parse_log_history([HISTORY[1], HISTORY[4]])[2] == {"Loss": 0.9, "Accuracy": 0.5, "X Y": 2}


def test_small_parts() -> None:
    for lines in ([{"a": 1, "bb": 2.123456}, {"a": "xxxxx", "bb": None}], [{"a": 1e-7, "b": 0.5}], [], None):
        assert make_markdown_table(lines) == modelcard.make_markdown_table(lines)
    for results in ({"Accuracy": 1, "Loss": 2, "Rouge1": 3, "F1": 2, "eval_x": 1, "Bleu": 1}, None):
        published = modelcard.infer_metric_tags_from_eval_results(results)
        assert infer_metric_tags_from_eval_results(results) == published


def accuracy(prediction: Any) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def trainer(library: Any, folder: Path, **given: Any) -> Any:
    model_class, made = config(bestiary, "classifier", 0.0)
    bestiary.set_seed(0)
    model = model_class(made)
    if library is transformers:
        theirs_class, theirs = config(transformers, "classifier", 0.0)
        theirs_model = theirs_class(theirs)
        theirs_model.load_state_dict(model.state_dict(), strict=False)
        model = theirs_model
    values: dict[str, Any] = {"num_train_epochs": 2, "logging_steps": 2, "eval_strategy": "epoch", "save_strategy": "no"}
    values |= {"use_cpu": True, "disable_tqdm": True, "report_to": "none", "per_device_train_batch_size": 4}
    args = library.TrainingArguments(str(folder), **values | given)
    data = rows("classifier", 16)
    return library.Trainer(model, args, train_dataset=data, eval_dataset=data, compute_metrics=accuracy)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"gradient_accumulation_steps": 2, "seed": 3, "per_device_eval_batch_size": 4, "label_smoothing_factor": 0.1},
        {"max_steps": 5, "warmup_steps": 3, "lr_scheduler_type": "cosine", "optim": "adafactor"},
    ],
)
def test_hyperparameters(given: dict[str, Any], tmp_path: Path) -> None:
    ours = extract_hyperparameters_from_trainer(trainer(bestiary, tmp_path, **given))
    theirs = modelcard.extract_hyperparameters_from_trainer(trainer(transformers, tmp_path, **given))
    for each in (ours, theirs):
        each["optimizer"] = "adafactor" if "adafactor" in each["optimizer"].lower() else "adamw_torch_fused"
    assert ours == theirs


def parts(text: str) -> tuple[dict[str, Any], list[str], list[str], list[str]]:
    """The header, the headings, the table, and the lists but for the optimizer and the library's own version."""
    header, body = re.fullmatch(r"---\n(.*?)---\n(.*)", text, re.DOTALL).groups()
    lines = body.splitlines()
    listed = [each for each in lines if each.startswith("- ") and not re.match(r"- (optimizer|Transformers|Bestiary)", each)]
    return (
        yaml.safe_load(header),
        [each for each in lines if each.startswith("#")],
        [each for each in lines if each.startswith("|")],
        listed,
    )


@pytest.mark.parametrize(
    "known",
    [
        {"tasks": "text-classification"},
        {
            "language": "en",
            "license": "mit",
            "tags": "x",
            "model_name": "Nice",
            "finetuned_from": "bert-base",
            "tasks": "text-classification",
            "dataset_tags": "glue",
            "dataset": "GLUE SST2",
            "dataset_args": "sst2",
        },
        {
            "language": ["en", "de"],
            "tags": ["x", "y"],
            "tasks": ["text-classification", "fill-mask"],
            "dataset_tags": ["glue", "squad"],
            "dataset": ["A", "B"],
            "dataset_args": ["a", "b"],
        },
    ],
)
def test_a_card_says_what_the_published_one_says(known: dict[str, Any], tmp_path: Path) -> None:
    cards = []
    for library in (bestiary, transformers):
        made = trainer(library, tmp_path)
        made.train()
        (tmp_path / "README.md").unlink(missing_ok=True)
        made.create_model_card(**known)
        cards.append(parts((tmp_path / "README.md").read_text()))
    assert cards[0] == cards[1]
    assert huggingface_hub.ModelCard.load(tmp_path / "README.md").data.to_dict()["tags"]


def test_a_card_of_a_user_stays(tmp_path: Path) -> None:
    made = trainer(bestiary, tmp_path)
    made.create_model_card(tags="first")
    made.create_model_card(tags="second", co2_eq_emissions={"emissions": 0.4, "source": "codecarbon"})
    path = tmp_path / "README.md"
    header = parts(path.read_text())[0]
    assert header["tags"] == ["second", "generated_from_trainer"]
    assert header["co2_eq_emissions"] == {"emissions": 0.4, "source": "codecarbon"}
    completed = "\n".join(each for each in path.read_text().splitlines() if not each.startswith("<!--"))
    path.write_text(completed)
    made.create_model_card(tags="third")
    assert path.read_text() == completed


def test_what_a_trainer_knows_of_its_task_and_data(tmp_path: Path) -> None:
    summary = TrainingSummary.from_trainer(trainer(bestiary, tmp_path), model_name="it")
    assert (summary.tasks, summary.dataset, summary.eval_results) == ("text-classification", None, None)
    assert "Trained from new weights on data that is not named." in summary.to_model_card()
