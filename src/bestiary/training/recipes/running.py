"""Running a recipe: from the beginning, or from where it was stopped."""

from pathlib import Path

from ...core.errors import ArgumentError
from ...core.files import read_json, write_text
from ...core.logging import get_logger
from ..callbacks.base import TrainerState
from ..checkpoints import TRAINER_STATE_NAME, get_last_checkpoint
from ..running import run_task
from .prepared import Prepared
from .recipe import Recipe

RECIPE_NAME = "recipe.json"
logger = get_logger(__name__)
# What may change from a run to the one that goes on with it, besides what is told, logged and saved.
_FREE = ("output_dir", "num_train_epochs", "max_steps", "resume_from_checkpoint", "disable_tqdm", "run_name", "report_to")


def run_recipe(recipe: Recipe, prepared: Prepared | None = None) -> dict[str, float]:
    """Train, evaluate and predict as a recipe says; a training that was stopped goes on from its newest whole checkpoint.

    `output_dir` then holds the model, its tokenizer or processor, results, the report, and `recipe.json`.

    Returns:
        All metrics.

    Raises:
        ArgumentError: `output_dir` holds the training of another recipe.
    """
    from ...core.seed import set_seed

    args, folder = recipe.args, Path(recipe.args.output_dir)
    set_seed(args.seed)
    prepared = prepared or Prepared.of(recipe)
    if args.do_train and args.resume_from_checkpoint is None and folder.is_dir():
        args.resume_from_checkpoint = get_last_checkpoint(str(folder))
    if args.resume_from_checkpoint is not None and (folder / RECIPE_NAME).is_file():
        changed = _changes(read_json(folder / RECIPE_NAME), recipe)
        if changed:
            raise ArgumentError(
                f"{folder} holds the training of another recipe, which differs in {'; '.join(changed)}. Name another"
                " output_dir, or move this one away"
            )
    if args.resume_from_checkpoint is not None:
        logger.info("Going on from %s", args.resume_from_checkpoint)
    if args.should_save:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / RECIPE_NAME, prepared.text())
    return run_task(recipe.task, prepared.model(), prepared.preprocessor, args, prepared.rows)


def finished_at(recipe: Recipe) -> int | None:
    """The step at which the training of a recipe ended, where `output_dir` holds its result; else None."""
    folder = Path(recipe.args.output_dir)
    if not (folder / TRAINER_STATE_NAME).is_file() or not (folder / RECIPE_NAME).is_file():
        return None
    if _changes(read_json(folder / RECIPE_NAME), recipe, free=("output_dir", "disable_tqdm", "report_to")):
        return None
    return TrainerState.load_from_json(str(folder / TRAINER_STATE_NAME)).global_step


def _changes(before: object, recipe: Recipe, free: tuple[str, ...] = _FREE) -> list[str]:
    """Where a recipe differs from the one that a folder was filled by."""
    now, changed = recipe.values(), []
    old = before if isinstance(before, dict) else {}
    for section in sorted({*now, *old}):
        mine, other = now.get(section), old.get(section)
        if not isinstance(mine, dict) or not isinstance(other, dict):
            if mine != other:
                changed.append(f"{section}: {other!r:.60} there, {mine!r:.60} here")
            continue
        for name in sorted({*mine, *other}):
            told = name.startswith(("logging_", "save_", "eval_", "log_", "dataloader_num", "do_"))
            if mine.get(name) != other.get(name) and name not in free and not told:
                changed.append(f"{name}: {other.get(name)!r:.60} there, {mine.get(name)!r:.60} here")
    return changed
