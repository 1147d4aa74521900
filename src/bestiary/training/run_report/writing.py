"""`write_training_report`: a report of any log, also of a training by the published library."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, CorruptFile, FileMissing
from ...core.files import read_json, write_text
from ..checkpoints import TRAINER_STATE_NAME, checkpoints_in
from ..progress import Progress
from .curves import curves_of
from .facts import Facts
from .history import History
from .page import page

REPORT_NAME = "training_report.html"
PICTURE_NAME = "training_report.png"

Source = str | os.PathLike[str] | Sequence[Mapping[str, Any]]


def write_training_report(source: Source, path: str | os.PathLike[str] | None = None) -> Path:
    """Write the report of a training: curves, evaluations, and what else is known of it.

    Args:
        source: a `log_history`; or a `trainer_state.json`, or a folder that holds one or checkpoints with one, of this library
            or the published one. What a report that lies there already tells besides stays in it.
        path: the file to write, whose name ends with .html, or with .png for a picture of the curves (which needs matplotlib);
            by default `training_report.html` in the folder of `source`.

    Returns:
        The file.

    Raises:
        FileMissing: there is no such file. CorruptFile: it holds no log. ArgumentError: no path, or one of another kind.
        MissingDependency: a picture, without matplotlib. SaveError: the file could not be written.
    """
    if isinstance(source, str | os.PathLike):
        source_path = Path(source)
        state = state_file(source_path)
        folder = source_path if source_path.is_dir() else state.parent
        history, facts = _read(state, folder)
        target = folder / REPORT_NAME if path is None else Path(path)
    else:
        if path is None:
            raise ArgumentError(
                "a log has no place of its own; say which file to write its report to, as in path='report.html'"
            )
        history, facts, target = History.of(source), Facts(), Path(path)
    write_report(history, facts, target)
    return target


def write_report(history: History, facts: Facts, path: Path) -> None:
    """Write a page or a picture, as the name of the file says; the former one stays until the new one is whole."""
    kind = path.suffix.lower()
    if kind == ".png":
        from ...draw.picture import write_picture

        curves = [curve for curve in curves_of(history, facts) if curve.series or curve.title == "Loss"]
        write_picture(curves, f"{facts.title} ({facts.status})" if facts.status else facts.title, path, facts.resumed)
    elif kind in (".html", ".htm"):
        write_text(path, page(history, facts))
    else:
        raise ArgumentError(f"a report is a page (.html) or a picture (.png); found the name {path.name!r:.100}")


def state_file(path: Path) -> Path:
    """The `trainer_state.json` that `path` is, or that lies in the folder: the one of the most steps, checkpoints included.

    Raises:
        FileMissing: there is none.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileMissing(f"{str(path)!r:.200} is not there; expected the output_dir of a training, or a {TRAINER_STATE_NAME}")
    folders = [path, *checkpoints_in(path)]
    states = [folder / TRAINER_STATE_NAME for folder in folders if (folder / TRAINER_STATE_NAME).is_file()]
    if not states:
        raise FileMissing(f"{path} holds no {TRAINER_STATE_NAME}, nor does a checkpoint in it; was a training saved there?")
    return max(states, key=lambda each: (_steps(each), each.parent == path))


def _steps(path: Path) -> float:
    state = read_json(path)
    step = state.get("global_step") if isinstance(state, Mapping) else None
    return step if isinstance(step, int) else -1


def _read(path: Path, folder: Path) -> tuple[History, Facts]:
    state = read_json(path)
    if not isinstance(state, Mapping) or "log_history" not in state:
        raise CorruptFile(f"{path} does not hold the state of a training: there is no log_history in it")
    history = History.of(state["log_history"])
    facts = Facts.of_state(state, folder.resolve().name or "Training")
    facts.checkpoint = "" if path.parent == folder else str(path.parent)
    try:
        progress = Progress.load(path.parent)
    except CorruptFile:  # the log is what matters
        progress = None
    if progress is not None:
        told = replace(facts, resumed=progress.resumed, pace=progress.pace, rows_of_update=progress.rows_of_update)
        facts = told if told.is_whole() else facts
    report = folder / REPORT_NAME
    earlier = Facts.in_page(report.read_text(encoding="utf-8", errors="replace")) if report.is_file() else None
    if earlier is not None:  # the state may be newer
        ended = earlier.status not in ("", "running")
        kept = {name: getattr(earlier, name) for name in ("title", "sections", "arguments", "seconds")}
        kept |= {name: getattr(earlier, name) for name in ("status", "reason", "pace", "checkpoint")} if ended else {}
        facts = replace(facts, **kept)
    return history, facts
