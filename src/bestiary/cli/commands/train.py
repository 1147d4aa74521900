"""`bestiary train`: trains as a recipe says."""

import shlex
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

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
    from ...training.watch import heard_by_others

    for change in changes or ():
        if "=" not in change:
            raise typer.BadParameter(f"--set {change}: expected KEY=VALUE, such as learning_rate=1e-5")
    with heard_by_others():
        code = _train(recipe, list(changes or ()), dry_run, restart, json)
    raise typer.Exit(code)


def _train(recipe: str, changes: list[str], dry_run: bool, restart: bool, json: bool) -> int:
    """Do it, and return the exit code."""
    from ...recipes.forecast import forecast
    from ...recipes.prepared import Prepared
    from ...recipes.recipe import Recipe
    from ...recipes.running import Place, check_may_move, place_of, run_recipe

    loaded = Recipe.load(recipe, {key: value for key, _, value in (each.partition("=") for each in changes)})
    tells = loaded.args.processes.is_first()
    with console.working("preparing rows") if tells else nullcontext():
        prepared = Prepared.of(loaded)
        moves = restart and check_may_move(loaded)
        place = Place() if restart else place_of(prepared)
    if place.ended is None or dry_run:
        with console.working("preparing rows") if tells else nullcontext():
            told = forecast(prepared)
        begins = f"where {Path(place.checkpoint).name} ended" if place.checkpoint else "anew"
        told.facts["begins"] = begins if place.ended is None else f"not at all: it ended at step {place.ended}"
        if dry_run and tells:
            _tell(told, json)
        elif tells:
            for remark in told.remarks:
                console.remark(f"remark: {remark}")
        if told.problems and not (dry_run and json):
            raise InputError(f"{recipe}: {told.problems[0]}")
        if dry_run:
            return 2 if told.problems else 0
    elif tells:
        console.remark(f"{loaded.folder} holds this training, which ended at step {place.ended}; --restart trains anew")
    with loaded.args.main_process_first():
        if moves and loaded.args.should_save:
            console.remark(f"what {loaded.folder} held is now in {_moved_aside(loaded.folder)}")
    try:
        with redirect_stdout(sys.stderr) if json else nullcontext():
            metrics = run_recipe(loaded, prepared)
    except (SystemExit, KeyboardInterrupt):
        if tells:
            again = [recipe, *(word for change in changes for word in ("--set", change))]
            console.remark(f"stopped; to go on: bestiary train {shlex.join(again)}")
        raise
    if json and tells:
        console.write_json(metrics)
    elif tells:
        report = loaded.folder / "training_report.html"
        rows = [("model", str(loaded.folder)), *([("report", str(report))] if report.is_file() else [])]
        if place.ended is not None:  # else they were told as they came
            rows += [(name, f"{value:.6g}") for name, value in metrics.items()]
        console.table(rows)
    return 0


def _tell(told: Any, json: bool) -> None:
    if json:
        names = ("parameters", "rows", "tokens", "updates", "example", "problems", "remarks")
        need = told.need
        memory = {name: getattr(need, name) for name in ("total", "weights", "gradients", "optimizer", "activations")}
        console.write_json({**{name: getattr(told, name) for name in names}, "memory": memory, "facts": told.facts})
        return
    console.table([*told.facts.items(), *([("first row", told.example)] if told.example else [])])
    for kind, lines in (("problem", told.problems), ("remark", told.remarks)):
        for line in lines:
            print(f"{kind}: {line}")


def _moved_aside(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return folder.rename(aside)
