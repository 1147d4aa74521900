"""Running a recipe: from the beginning, or from where it was stopped; never over what something else left."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from ..core.files import read_json, write_json
from ..core.logging import get_logger
from ..training.checkpoints import TRAINER_STATE_NAME, get_last_checkpoint
from ..training.running import run_task
from .prepared import Prepared
from .recipe import Recipe

RECIPE_NAME = "recipe.json"
logger = get_logger(__name__)
# What a continuation may change: how long it goes on, where it is, what is told and kept of it.
_LENGTH = ("num_train_epochs", "max_steps")
_FREE = ("output_dir", "disable_tqdm", "run_name", "report_to", "resume_from_checkpoint", "overwrite_output_dir")
_FREE_BEGINNINGS = ("logging_", "log_", "save_", "dataloader_num", "do_", "push_to_hub", "hub_")
_DATA_PATHS = ("train_file", "validation_file", "test_file")  # what the files hold is compared


@dataclass(frozen=True)
class Place:
    """Where the training of a recipe is.

    Fields:
        checkpoint: what it goes on from; None: it begins. ended: the step at which all was done, else None.
    """

    checkpoint: str | None = None
    ended: int | None = None


def _held(folder: Path) -> tuple[str | None, bool]:
    """The newest checkpoint in a folder, and whether it holds a model or what a training left."""
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    return last, any((folder / name).exists() for name in ("config.json", TRAINER_STATE_NAME))


def check_may_move(recipe: Recipe) -> bool:
    """Whether `output_dir` holds a training that is to be moved aside before another begins there.

    Raises:
        ArgumentError: where you are, your home or the recipe lies in it.
    """
    folder = recipe.folder.resolve()
    if not any(_held(folder)):
        return False
    for inside, what in ((Path.cwd(), "where you are"), (Path.home(), "your home"), (recipe.path.resolve(), "the recipe")):
        if inside.is_relative_to(folder):
            raise ArgumentError(f"output_dir is {recipe.folder}, which cannot be moved aside: it holds {what}. Name another")
    return True


def place_of(prepared: Prepared) -> Place:
    """Where the training of a recipe is, as its `output_dir` tells.

    Raises:
        ArgumentError: the folder holds what another recipe, or something else, left.
    """
    recipe, folder = prepared.recipe, prepared.recipe.folder
    if recipe.args.resume_from_checkpoint is not None:
        return Place(recipe.args.resume_from_checkpoint)
    last, has_results = _held(folder)
    aside = "Name another output_dir, or begin anew with --restart, which moves this one aside"
    if not (folder / RECIPE_NAME).is_file():
        if last is None and not has_results:
            return Place()
        raise ArgumentError(f"{folder} holds a model or a training that no recipe made. {aside}")
    if last is None and not has_results:
        return Place()
    kept = read_json(folder / RECIPE_NAME)
    kept = kept if isinstance(kept, dict) else {}
    changes = dict(_changes(kept, _values(prepared)))
    length = [changes.pop(name) for name in _LENGTH if name in changes]
    if changes:
        raise ArgumentError(
            f"{folder} holds the training of another recipe, which differs in {'; '.join(changes.values())}. {aside}"
        )
    ended = kept.get("ended_at_step")
    if ended is not None and length:
        if last is None:
            raise ArgumentError(
                f"{folder} holds this training as it ended, with {'; '.join(length)}, and no checkpoint to go on from. {aside}"
            )
        ended = None
    return Place(last, ended)


def run_recipe(recipe: Recipe, prepared: Prepared | None = None) -> dict[str, float]:
    """Train, evaluate and predict as a recipe says; a training that was stopped goes on from its newest whole checkpoint.

    `output_dir` then holds the model, its tokenizer or processor, results, the report, and `recipe.json`.

    Returns:
        All metrics; of a training that has ended before those that it had.

    Raises:
        ArgumentError: `output_dir` holds the training of another recipe.
    """
    from ..core.seed import set_seed

    args, folder = recipe.args, recipe.folder
    prepared = prepared or Prepared.of(recipe)
    place = place_of(prepared)
    if place.ended is not None:
        results = folder / "all_results.json"
        metrics: dict[str, float] = read_json(results) if results.is_file() else {}
        return metrics
    if place.checkpoint is not None:
        logger.info("Going on from %s", place.checkpoint)
    args.resume_from_checkpoint = place.checkpoint
    kept = _values(prepared)
    if args.should_save:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RECIPE_NAME, kept)
    set_seed(args.seed)
    model = prepared.model()
    metrics = run_task(recipe.task, model, prepared.preprocessor, args, prepared.rows, prepared.features)
    if args.should_save:
        step = read_json(folder / TRAINER_STATE_NAME)["global_step"] if args.do_train else 0
        write_json(folder / RECIPE_NAME, {**kept, "ended_at_step": step})
    return metrics


def _values(prepared: Prepared) -> dict[str, Any]:
    return {**prepared.recipe.values(), "contents": prepared.contents()}


def _changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name -> how it differs between a recipe and the one that filled the folder, of what counts."""
    for section in sorted({*now, *before} - {"ended_at_step"}):
        mine, other = now.get(section), before.get(section)
        if not isinstance(mine, dict) or not isinstance(other, dict):
            if mine != other:
                yield section, f"{section}: {other!r:.60} there, {mine!r:.60} here"
            continue
        for name in sorted({*mine, *other}):
            free = name in _FREE or name.startswith(_FREE_BEGINNINGS) or (section == "data" and name in _DATA_PATHS)
            if mine.get(name) != other.get(name) and not free:
                yield name, f"{name}: {other.get(name)!r:.60} there, {mine.get(name)!r:.60} here"
