"""`bestiary train`: trains as a recipe says."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ...core.errors import InputError
from .. import console
from ..options import Json


def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE.yaml", help="What to train, on what, and how.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="A key with another value; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew; what output_dir holds is moved aside.")] = False,
    json: Json = False,
) -> None:
    """Train a model as a recipe says. Run it again and it goes on where it was stopped."""
    from ...training.recipes.forecast import forecast
    from ...training.recipes.prepared import Prepared
    from ...training.recipes.recipe import Recipe
    from ...training.recipes.running import finished_at, run_recipe

    for change in changes or ():
        if "=" not in change:
            raise typer.BadParameter(f"--set {change}: expected KEY=VALUE, such as learning_rate=1e-5")
    loaded = Recipe.load(recipe, [f"--{change}" for change in changes or ()])
    folder = Path(loaded.args.output_dir)
    step = finished_at(loaded)
    if step is not None and not restart and not dry_run:
        print(f"{folder} holds this training, which ended at step {step}; --restart trains anew")
        return
    with console.working("preparing rows"):
        prepared = Prepared.of(loaded)
        need = forecast(prepared)
    if dry_run:
        if json:
            console.write_json({**need.facts, "memory": need.memory, "updates": need.updates, "problems": need.problems})
        else:
            console.table(need.facts.items())
            if need.example:
                console.table([("first row", need.example)])
            for problem in need.problems:
                print(f"problem: {problem}")
    if need.problems and not (dry_run and json):
        raise InputError(f"{recipe}: {need.problems[0]}")
    if dry_run:
        return
    if restart and folder.exists():
        console.remark(f"what {folder} held is now {_moved_aside(folder)}")
    try:
        metrics = run_recipe(loaded, prepared)
    except (SystemExit, KeyboardInterrupt):
        again = [recipe, *(word for change in changes or () for word in ("--set", change))]
        console.remark(f"stopped; to go on: bestiary train {shlex.join(again)}")
        raise
    if json:
        console.write_json(metrics)
    else:
        report = folder / "training_report.html"
        rows = [("model", str(folder)), *([("report", str(report))] if report.is_file() else [])]
        console.table([*rows, *((name, f"{value:.6g}") for name, value in metrics.items() if isinstance(value, int | float))])


def _moved_aside(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return folder.rename(aside)
