"""Every recipe of `examples/recipes` trains a tiny model on data that it can learn, and learns it; nothing is fetched."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kit import checkpoints, example_rows
from PIL import Image

import bestiary
from bestiary.recipes.forecast import forecast
from bestiary.recipes.prepared import Prepared
from bestiary.recipes.recipe import Recipe
from bestiary.recipes.running import run_recipe

TOLD = (r"[\s\S]*new, to be trained", "the loss does not depend on pooler")
pytestmark = [pytest.mark.filterwarnings(f"ignore:{told}") for told in TOLD]
FOLDER = Path(__file__).parents[2] / "examples" / "recipes"
Rows = Callable[[int, int], list[dict[str, Any]]]


def jsonl(*names: str) -> Callable[[Path, Rows], None]:
    """Writes files of these names."""

    def write(folder: Path, rows: Rows) -> None:
        for seed, name in enumerate(names):
            example_rows.write_jsonl(folder / name, rows(24 if seed else 96, seed))

    return write


def tables(folder: Path, rows: Rows) -> None:
    for seed, (part, count) in enumerate({"train": 64, "dev": 32}.items()):
        made = [{"text": row["sentence"], "label": row["label"]} for row in rows(count, seed)]
        example_rows.write_csv(folder / f"{part}.csv", made)


def lines(folder: Path, rows: Rows) -> None:
    for name in ("texts.txt", "more_texts.txt"):
        (folder / name).write_text("the quick brown fox jumps over the lazy dog\n" * 60)


def images(folder: Path, rows: Rows) -> None:
    draw = np.random.default_rng(0)
    for part, count in {"train": 12, "dev": 6}.items():
        for label, channel in {"red": 0, "blue": 2}.items():
            (folder / "images" / part / label).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 80, (32, 32, 3), dtype=np.uint8)
                pixels[..., channel] += 150
                Image.fromarray(pixels).save(folder / "images" / part / label / f"{number}.png")


def counted_twice(count: int, seed: int) -> list[dict[str, Any]]:
    """Pairs of texts, and how many foxes are in them, in thirds."""
    return [{**row, "sentence1": row["sentence"], "sentence2": "see"} for row in example_rows.counted(2 * count, seed)]


def translated(count: int, seed: int) -> list[dict[str, Any]]:
    return [{"translation": {"en": row["text"], "ro": row["summary"]}} for row in example_rows.copies(count, seed)]


def conversations(count: int, seed: int) -> list[dict[str, Any]]:
    turns = [("user", "Hello world"), ("assistant", "The quick brown fox jumps over the lazy dog.")]
    return [{"messages": [{"role": role, "content": content} for role, content in turns]}] * count


@functools.cache
def talker() -> Path:
    """A Llama whose template says what the assistant writes."""
    torch.manual_seed(0)
    tokenizer = checkpoints.bytelevel()
    tokenizer = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, pad_token="<pad>", eos_token="</s>")
    tokenizer.chat_template = (
        "{% for message in messages %}<|{{ message['role'] }}|> {% if message['role'] == 'assistant' %}"
        "{% generation %}{{ message['content'] }}{% endgeneration %}{% else %}{{ message['content'] }}{% endif %}{% endfor %}"
    )
    folder = checkpoints.kept_folder("talker")
    transformers.LlamaForCausalLM(transformers.LlamaConfig(**checkpoints.LLAMA)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


LLAMA = (
    '{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}'
)
TWO = jsonl("train.jsonl", "dev.jsonl")
# Name -> data, rows, checkpoint, what is set besides, and a metric with what it must exceed (or, of a loss, stay below).
CASES: dict[str, tuple[Any, Any, Callable[[], Path] | None, dict[str, Any], str, float]] = {
    "text_classification": (tables, example_rows.labelled, example_rows.encoder, {"num_train_epochs": 6}, "accuracy", 0.9),
    "text_pair_regression": (TWO, counted_twice, example_rows.encoder, {"num_train_epochs": 8}, "pearson", 0.9),
    "token_classification": (TWO, example_rows.tagged, example_rows.encoder, {"num_train_epochs": 6}, "f1", 0.9),
    "question_answering": (
        TWO,
        example_rows.questions,
        example_rows.encoder,
        {"num_train_epochs": 12, "max_seq_length": 24, "doc_stride": 6, "max_answer_length": 4},
        "exact_match",
        70,
    ),
    "multiple_choice": (TWO, example_rows.choices, example_rows.encoder, {"num_train_epochs": 6}, "accuracy", 0.8),
    "summarization": (TWO, example_rows.copies, checkpoints.t5, {"num_train_epochs": 8, "learning_rate": 5e-3}, "rougeL", 50),
    "translation": (TWO, translated, checkpoints.t5, {"num_train_epochs": 6, "learning_rate": 5e-3}, "loss", 3.0),
    "language_model_from_nothing": (
        lines,
        None,
        None,
        {"config": LLAMA, "vocab_size": 300, "block_size": 16, "learning_rate": 1e-2},
        "loss",
        2.0,
    ),
    "language_model_fine_tuning": (
        lines,
        None,
        checkpoints.gpt2,
        {"block_size": 16, "gradient_accumulation_steps": 1, "per_device_train_batch_size": 8, "learning_rate": 2e-2},
        "loss",
        3.0,
    ),
    "masked_language_model": (
        lines,
        None,
        lambda: checkpoints.bert("BertForMaskedLM"),
        {"num_train_epochs": 25, "per_device_train_batch_size": 8, "learning_rate": 5e-3},
        "accuracy",
        0.6,
    ),
    "image_classification": (
        images,
        None,
        lambda: checkpoints.vit("ViTModel"),
        {"dataloader_num_workers": 0},
        "accuracy",
        0.99,
    ),
    "sentence_similarity": (
        jsonl("pairs.jsonl", "dev.jsonl"),
        example_rows.pairs,
        example_rows.encoder,
        {"num_train_epochs": 20, "per_device_train_batch_size": 24},
        "recall_at_1",
        0.3,
    ),
    "chat": (jsonl("conversations.jsonl"), conversations, talker, {"gradient_accumulation_steps": 8}, "loss", 1.5),
}


def test_all_recipes_are_tested_and_listed() -> None:
    names = {path.stem for path in FOLDER.glob("*.yaml")}
    assert names == set(CASES)
    table = (FOLDER / "README.md").read_text()
    assert all(f"]({name}.yaml)" in table for name in names)


@pytest.mark.parametrize("name", CASES)
def test_a_recipe_trains(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, rows, checkpoint, changes, metric, bound = CASES[name]
    shutil.copy(FOLDER / f"{name}.yaml", tmp_path)
    write(tmp_path, rows)
    monkeypatch.chdir(tmp_path)
    common: dict[str, Any] = {"use_cpu": True, "disable_tqdm": True, "training_report": False, "save_strategy": "no"}
    if checkpoint is not None:
        common["model_name_or_path"] = str(checkpoint())
    written = Recipe.load(f"{name}.yaml", {} if checkpoint is None else {"model_name_or_path": common["model_name_or_path"]})
    assert written.args.save_strategy != "no"
    common["learning_rate"] = 3e-3
    recipe = Recipe.load(f"{name}.yaml", {**common, "load_best_model_at_end": False, **changes})
    prepared = Prepared.of(recipe)
    told = forecast(prepared)
    assert told.problems == []
    assert told.need.activations
    metrics = run_recipe(recipe, prepared)
    found = metrics[f"eval_{metric}"]
    assert found < bound if metric == "loss" else found > bound
    assert bestiary.AutoConfig.from_pretrained(recipe.folder).model_type == prepared.config.model_type
    assert told.rows == metrics["train_samples"]
