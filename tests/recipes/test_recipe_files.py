"""Recipes are read strictly: each mistake is an error that names its line, before any work."""

from pathlib import Path
from typing import Any

import pytest

from bestiary.core.errors import ArgumentError, BestiaryError, CorruptFile, FileMissing
from bestiary.recipes.new_model import NewModel
from bestiary.recipes.recipe import Recipe

GOOD = """task: translation
model:
  model_name_or_path: t5
data:
  train_file: rows.jsonl
options:
  source_lang: no
  target_lang: en
arguments:
  output_dir: out
  learning_rate: 2e-5
  save_strategy: no
  bf16: off
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    (tmp_path / "rows.jsonl").write_text('{"no": "a", "en": "b"}\n')
    (tmp_path / "t5").mkdir()

    def written(text: str) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return written


def test_words_mean_what_their_field_says(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what YAML makes of 2e-5 (a text) and of no (False). Paths are the recipe's, output_dir is not."""
    path = write(GOOD.replace("off", "no"))
    monkeypatch.chdir("/")
    recipe = Recipe.load(path)
    assert recipe.args.learning_rate == 2e-5
    assert recipe.args.save_strategy == "no"
    assert recipe.task.source_lang == "no"  # type: ignore[attr-defined]
    assert recipe.args.bf16 is False
    assert recipe.data.train_file == str(path.parent / "rows.jsonl")
    assert recipe.model.model_name_or_path == str(path.parent / "t5")  # type: ignore[union-attr]
    assert recipe.folder == Path("out")
    assert (recipe.args.do_train, recipe.args.do_eval, recipe.args.do_predict) == (True, False, False)


def test_what_is_set_wins(write: Any) -> None:
    path = write(GOOD.replace("bf16: off", "optim: sgd"))
    recipe = Recipe.load(path, {"learning_rate": "1e-3", "max_source_length": 7, "do_train": False, "optim": None})
    assert (recipe.args.learning_rate, recipe.task.max_source_length) == (1e-3, 7)  # type: ignore[attr-defined]
    assert recipe.args.do_train is False
    assert recipe.args.optim == "adamw_torch_fused"  # None: the default
    with pytest.raises(ArgumentError, match=r"no 'learning_rat', which was to be set. Did you mean 'learning_rate'"):
        Recipe.load(path, {"learning_rat": 1})
    with pytest.raises(ArgumentError, match=r"max_steps, which was set: max_steps: invalid int value: 'many'"):
        Recipe.load(path, {"max_steps": "many"})


def test_a_new_model_has_a_table(write: Any) -> None:
    text = GOOD.replace("model_name_or_path: t5", "model_type: t5\n  config: {d_model: 32, dropout_rate: 1e-1, tied: no}")
    model = Recipe.load(write(text.replace("bf16: off", "lr_scheduler_kwargs: {power: 2}"))).model
    assert isinstance(model, NewModel)
    assert model.config == {"d_model": 32, "dropout_rate": 0.1, "tied": False}


@pytest.mark.parametrize(
    ("before", "after", "error", "said"),
    [
        ("task: translation\n", "", ArgumentError, "does not say the task"),
        ("translation", "translating", ArgumentError, "line 1: there is no task 'translating'. Did you mean 'translation'"),
        ("options:", "option:", ArgumentError, "line 6: a recipe has no section 'option'. Did you mean 'options'"),
        ("learning_rate", "learning_rat", ArgumentError, "line 11: arguments of translation has no 'learning_rat'. Did you"),
        ("save_strategy: no", "learning_rate: 1", ArgumentError, "line 12: 'learning_rate' is said twice, first in line 11"),
        ("2e-5", "fast", ArgumentError, "line 11: learning_rate: invalid float value: 'fast'"),
        ("2e-5", "-1", ArgumentError, "line 11: learning_rate is -1.0; expected a number of at least 0"),
        ("2e-5", "[1, 2]", ArgumentError, "line 11: learning_rate is a list; expected one value"),
        ("save_strategy: no", "save_strategy: often", ArgumentError, "line 12: save_strategy"),
        ("bf16: off", "bf16: maybe", ArgumentError, "line 13: bf16"),
        ("bf16: off", "trust_remote_code: true", ArgumentError, "line 13: arguments of translation has no 'trust_remote_code'"),
        ("model_name_or_path: t5", "tokenizer_name: t5", ArgumentError, "required: model_name_or_path"),
        ("rows.jsonl", "row.jsonl", FileMissing, "line 5: train_file is row.jsonl, which is not there"),
        ("train_file: rows.jsonl", "max_train_samples: 3", ArgumentError, "no data is named"),
        ("2e-5", "!!python/object/apply:os.getcwd []", CorruptFile, "line 11"),
        ("bf16: off", "lr_scheduler_kwargs: !!python/object/apply:os.getcwd {}", CorruptFile, "line 13"),
        ("model_name_or_path: t5", "model_name_or_path: &a t5\n  tokenizer_name: *a", CorruptFile, "used again"),
        ("bf16: off", "<<: {seed: 7}", CorruptFile, "line 13: a table is merged into another"),
        ("bf16: off", "lr_scheduler_kwargs: {<<: {seed: 7}}", CorruptFile, "line 13: a table is merged into another"),
        ("bf16: off", "eval_strategy: no\n  evaluation_strategy: steps", ArgumentError, "evaluation_strategy is said twice"),
        ("output_dir: out", "output_dir: null", ArgumentError, "line 10: output_dir is empty; name a folder"),
        ("bf16: off", "bf16: " + "[" * 5000, CorruptFile, "line 13: lists and tables are more than 50 deep"),
        ("options:\n", "options: 3\nx:\n", ArgumentError, "line 7: a recipe has no section 'x'"),
        ("model:\n  model_name_or_path: t5", "model: t5", CorruptFile, "line 2: model is no table"),
        ("bf16: off", "bf16: {", CorruptFile, "is no YAML"),
        ("bf16: off", "[a, b]: 1", CorruptFile, "line 13, column 3: [a, b]"),
    ],
)
def test_mistakes_name_their_line(write: Any, before: str, after: str, error: type[BestiaryError], said: str) -> None:
    assert before in GOOD
    with pytest.raises(error) as told:
        Recipe.load(
            write(
                GOOD.replace("bf16: off", "bf16: no").replace(before, after)
                if "bf16" not in before
                else GOOD.replace(before, after)
            )
        )
    assert said in str(told.value)


def test_items_of_lists_are_no_options(write: Any) -> None:
    lists = 'label_names: ["a", "--seed=7", "--output_dir", "--"]\n  include_for_metrics: [loss]'
    args = Recipe.load(write(GOOD.replace("bf16: off", lists))).args
    assert args.label_names == ["a", "--seed=7", "--output_dir", "--"]
    assert (args.seed, args.output_dir, args.include_for_metrics) == (42, "out", ["loss"])


def test_files_that_are_no_recipes(write: Any, tmp_path: Path) -> None:
    for content, said in {"": "a recipe is no table", "a\n": "a recipe is no table", "- a\n": "a recipe is no table"}.items():
        with pytest.raises(CorruptFile, match=said):
            Recipe.load(write(content))
    with pytest.raises(FileMissing, match="expected a recipe"):
        Recipe.load(tmp_path / "none.yaml")
    with pytest.raises(CorruptFile, match="longer than 1,000,000 bytes"):
        Recipe.load(write("#" * 1_000_001))
    (tmp_path / "recipe.yaml").write_bytes(b"task: \xff")
    with pytest.raises(CorruptFile, match="is no YAML"):
        Recipe.load(tmp_path / "recipe.yaml")
    with pytest.raises(CorruptFile, match="is no YAML"):
        Recipe.load(write("a: " + "[" * 5000))
