"""Recipes are forecast as they then run, stopped and gone on with, and leave alone what another one made."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit import checkpoints, example_rows
from kit.live_tensors import LiveTensors

from bestiary import Trainer
from bestiary.core.errors import ArgumentError, FileMissing
from bestiary.recipes.forecast import forecast
from bestiary.recipes.prepared import Prepared
from bestiary.recipes.recipe import Recipe
from bestiary.recipes.running import place_of, run_recipe

NEW_HEAD = r"[\s\S]*new, to be trained"
CLASSES = """task: text-classification
model: {model_name_or_path: ENCODER}
data:
  train_file: train.jsonl
  validation_file: dev.jsonl
arguments:
  output_dir: FOLDER/out
  use_cpu: true
  disable_tqdm: true
  training_report: false
  num_train_epochs: 2
  save_steps: 100
"""
LANGUAGE = """task: causal-language-modeling
model:
  model_type: FAMILY
  vocab_size: 300
  config: CONFIG
data: {train_file: texts.txt}
options: {block_size: 64}
arguments: {output_dir: FOLDER/out, use_cpu: true, disable_tqdm: true, training_report: false, save_strategy: no, max_steps: 2}
"""
NO_TRAINING = "task: causal-language-modeling\noptions: {block_size: 32}\narguments: {use_cpu: true}"
SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
EXPERTS = {
    **SIZES,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a recipe, its words replaced, beside its data."""
    for seed, (part, count) in enumerate({"train": 32, "dev": 8}.items()):
        example_rows.write_jsonl(tmp_path / f"{part}.jsonl", example_rows.labelled(count, seed))
    (tmp_path / "texts.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 200)

    def written(text: str, **words: str) -> Path:
        for word, value in {"FOLDER": str(tmp_path), "ENCODER": str(example_rows.encoder()), **words}.items():
            text = text.replace(word, value)
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return written


FORECASTS = {
    "activations": ("gpt2", {"n_embd": 64, "n_layer": 2, "n_head": 4}, {}),
    "weights": ("gpt2", {"n_embd": 256, "n_layer": 2, "n_head": 4}, {"per_device_train_batch_size": 1}),
    "no optimizer state": ("gpt2", {"n_embd": 256, "n_layer": 2, "n_head": 4}, {"optim": "sgd"}),
    "bf16": ("llama", {**SIZES, "num_key_value_heads": 2}, {"bf16": True}),
    "recomputed": ("llama", {**SIZES, "num_key_value_heads": 2, "num_hidden_layers": 6}, {"gradient_checkpointing": True}),
    "accumulated": ("llama", {**SIZES, "num_key_value_heads": 2}, {"gradient_accumulation_steps": 4}),
    "experts": ("qwen3_moe", EXPERTS, {}),
}


@pytest.mark.parametrize("name", FORECASTS)
def test_memory_is_as_forecast(write: Write, name: str) -> None:
    """The most that lived at a time, tensors alone (measured: 1.00 to 1.04 of it)."""
    family, config, changes = FORECASTS[name]
    recipe = Recipe.load(write(LANGUAGE, FAMILY=family, CONFIG=json.dumps(config)), changes)
    prepared = Prepared.of(recipe)
    told = forecast(prepared)
    assert told.problems == []
    assert told.need.activations is not None
    with LiveTensors() as live:
        run_recipe(recipe, prepared)
    # Matrix kernels hold some more, which is no tensor.
    assert told.need.total - told.need.workspace == pytest.approx(live.bytes.most, rel=0.06)


@pytest.mark.filterwarnings(f"ignore:{NEW_HEAD}")
def test_a_forecast_reads_no_weights_and_writes_nothing(write: Write, tmp_path: Path) -> None:
    checkpoint = tmp_path / "encoder"
    shutil.copytree(example_rows.encoder(), checkpoint, ignore=shutil.ignore_patterns("*.safetensors"))
    recipe = Recipe.load(write(CLASSES, ENCODER="encoder"), {"num_train_epochs": 2.5, "gradient_accumulation_steps": 3})
    before = sorted(tmp_path.rglob("*"))
    prepared = Prepared.of(recipe)
    told = forecast(prepared)
    assert sorted(tmp_path.rglob("*")) == before
    ids = [row["input_ids"] for row in prepared.features["train"]]
    assert (told.rows, told.tokens) == (32, sum(map(len, ids)))
    assert told.example == f"{prepared.preprocessor.decode(ids[0])} -> animal"
    assert told.facts["model"] == "BertForSequenceClassification (bert)"
    shutil.copy(example_rows.encoder() / "model.safetensors", checkpoint)
    run_recipe(recipe, prepared)
    state = json.loads((recipe.folder / "trainer_state.json").read_text())
    assert told.updates == state["global_step"]


@pytest.mark.filterwarnings("ignore:a text has 100 tokens")
def test_what_would_fail_is_told(write: Write) -> None:
    path = write(CLASSES)

    def problems(**changes: Any) -> list[str]:
        return forecast(Prepared.of(Recipe.load(path, changes))).problems

    assert problems() == []
    assert "no full batch of 64" in problems(per_device_train_batch_size=64, dataloader_drop_last=True)[0]
    assert "no row to evaluate on" in problems(validation_file=None, do_eval=True, validation_split_percentage=0)[0]
    example_rows.write_jsonl(path.parent / "long.jsonl", [{"sentence": "the fox " * 50, "label": label} for label in "abab"])
    [said] = problems(train_file=str(path.parent / "long.jsonl"), validation_file=None, max_seq_length=100)
    assert said == "the longest row has 100 tokens and the model takes 64; shorten rows in options"
    rows = [{"sentence": "the fox", "label": "a"}] * 8
    example_rows.write_jsonl(path.parent / "one.jsonl", rows)
    with pytest.raises(ArgumentError, match="every row has the label 'a' in 'label'; expected at least two"):
        problems(train_file=str(path.parent / "one.jsonl"))
    rows = [{"sentence": "the fox"}] * 8
    example_rows.write_jsonl(path.parent / "bare.jsonl", rows)
    with pytest.raises(ArgumentError, match="labels"):
        problems(train_file=str(path.parent / "bare.jsonl"))
    language = {"model_name_or_path": str(checkpoints.gpt2()), "validation_file": str(path.parent / "texts.txt")}
    told = forecast(Prepared.of(Recipe.load(write(NO_TRAINING), {**language, "do_train": True})))
    assert told.problems == ["there is no row to train on; name train_file in data"]
    told = forecast(Prepared.of(Recipe.load(write(CLASSES), {"save_strategy": "no"})))
    assert told.remarks == ["save_strategy is no: if the training is stopped, it begins anew"]


def test_a_new_chat_model_needs_a_tokenizer_with_a_template(write: Write) -> None:
    path = write(
        LANGUAGE.replace("causal-language-modeling", "chat").replace("block_size", "max_seq_length"), FAMILY="gpt2", CONFIG="{}"
    )
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    example_rows.write_jsonl(path.parent / "chats.jsonl", [chat] * 8)
    prepared = Prepared.of(Recipe.load(path, {"train_file": str(path.parent / "chats.jsonl")}))
    with pytest.raises(ArgumentError, match="needs tokenizer_name, of a checkpoint whose tokenizer has a chat template"):
        forecast(prepared)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def stop_at(monkeypatch: pytest.MonkeyPatch, method: str, call: int) -> None:
    """Has a trainer be asked to end, the given time that a method is called."""
    original, calls = getattr(Trainer, method), []

    def stopped(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, method, stopped)


@pytest.mark.filterwarnings(f"ignore:{NEW_HEAD}")
@pytest.mark.parametrize(
    ("method", "call", "step"), [("training_step", 3, 3), ("training_step", 7, 7), ("prediction_step", 1, 8)]
)
def test_a_stopped_training_goes_on(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, call: int, step: int
) -> None:
    """It ends as one that was never stopped, bit for bit; and then there is nothing more to do."""
    path = write(CLASSES)
    whole = Recipe.load(path, {"output_dir": str(tmp_path / "whole")})
    metrics = run_recipe(whole)
    if method == "prediction_step":  # at the end, where nothing listens, it is the default handler that ends the process
        monkeypatch.setattr(Trainer, method, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_recipe(Recipe.load(path))
    else:
        stop_at(monkeypatch, method, call)
        with pytest.raises(SystemExit) as ended:
            run_recipe(Recipe.load(path))
        assert ended.value.code == 128 + signal.SIGTERM
    monkeypatch.undo()
    recipe = Recipe.load(path)
    place = place_of(Prepared.of(recipe))
    assert place.checkpoint is not None
    assert (Path(place.checkpoint).name, place.ended) == (f"checkpoint-{step}", None)
    found = run_recipe(recipe)
    assert weights(recipe.folder) == weights(whole.folder)
    assert found["eval_loss"] == metrics["eval_loss"]
    assert place_of(Prepared.of(Recipe.load(path))).ended == 8
    before = {file: file.stat().st_mtime_ns for file in recipe.folder.rglob("*")}
    assert run_recipe(Recipe.load(path))["eval_loss"] == metrics["eval_loss"]
    assert {file: file.stat().st_mtime_ns for file in recipe.folder.rglob("*")} == before


@pytest.mark.filterwarnings(f"ignore:{NEW_HEAD}")
def test_a_training_that_keeps_nothing_begins_anew(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(CLASSES)
    whole = Recipe.load(path, {"output_dir": str(tmp_path / "whole"), "save_strategy": "no"})
    run_recipe(whole)
    stop_at(monkeypatch, "training_step", 3)
    with pytest.raises(SystemExit):
        run_recipe(Recipe.load(path, {"save_strategy": "no"}))
    monkeypatch.undo()
    recipe = Recipe.load(path, {"save_strategy": "no"})
    assert place_of(Prepared.of(recipe)).checkpoint is None
    run_recipe(recipe)
    assert weights(recipe.folder) == weights(whole.folder)
    with pytest.raises(ArgumentError, match="num_train_epochs: 2.0 there, 3.0 here, and no checkpoint to go on from"):
        run_recipe(Recipe.load(path, {"num_train_epochs": 3}))


@pytest.mark.filterwarnings(f"ignore:{NEW_HEAD}")
def test_another_recipe_is_refused(write: Write, tmp_path: Path) -> None:
    path = write(CLASSES)
    recipe = Recipe.load(path, {"save_strategy": "no"})
    run_recipe(recipe)
    kept = weights(recipe.folder)

    def refused(*said: str, **changes: Any) -> None:
        with pytest.raises(ArgumentError) as error:
            run_recipe(Recipe.load(path, changes))
        for each in said:
            assert each in str(error.value)
        assert weights(recipe.folder) == kept

    refused("differs in learning_rate: 5e-05 there, 0.1 here.", learning_rate=0.1)
    refused("max_seq_length: 128 there, 9 here", "seed: 42 there, 1 here", max_seq_length=9, seed=1)
    rows = (path.parent / "train.jsonl").read_text().replace("fox", "dog")
    (path.parent / "train.jsonl").write_text(rows)
    refused("train: '32 rows")
    (recipe.folder / "recipe.json").unlink()
    refused("holds a model or a training that no recipe made")
    (path.parent / "train.jsonl").unlink()
    with pytest.raises(FileMissing, match="line 4: train_file is train.jsonl"):
        Recipe.load(path)


@pytest.mark.filterwarnings(f"ignore:{NEW_HEAD}")
def test_a_training_is_made_longer(write: Write) -> None:
    path = write(CLASSES)
    run_recipe(Recipe.load(path))
    longer = Recipe.load(path, {"num_train_epochs": 3, "lr_scheduler_type": "linear"})
    assert run_recipe(longer)["epoch"] == 3
    assert place_of(Prepared.of(longer)).ended is None  # its own arguments now name a checkpoint
    assert place_of(Prepared.of(Recipe.load(path, {"num_train_epochs": 3}))).ended == 12
