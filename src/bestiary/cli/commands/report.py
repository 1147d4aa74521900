"""`bestiary report`: a page of a training, with its curves."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    path: Annotated[str, typer.Argument(metavar="OUTPUT_DIR", help="The output_dir of a training, or a trainer_state.json.")],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help="A name with .html or .png. By default training_report.html in the folder."),
    ] = None,
) -> None:
    """Write a page of a training: curves, evaluations, arguments. Also of trainings by the published library."""
    from ...training.run_report.writing import write_training_report

    print(write_training_report(Path(path), None if out is None else Path(out)))
