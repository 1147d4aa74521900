"""The history of a training as the rows of a table."""

from collections.abc import Mapping, Sequence
from typing import Any

# Of an entry, what is not a result.
_NOT_RESULTS = ("epoch", "step", "total_flos")
_SPEEDS = ("_runtime", "_samples_per_second", "_steps_per_second", "_preparation_time", "_compilation_time")


def parse_log_history(
    log_history: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, Any] | None, list[dict[str, Any]] | None, dict[str, Any] | None]:
    """What `TrainerState.log_history` holds, for a card.

    Returns:
        The entry that closes the training; a row for each evaluation; the results of the last. Of a history without
        training, (None, None, its last evaluation).
    """
    ends = [index for index, entry in enumerate(log_history) if "train_runtime" in entry]
    evaluations = [entry for entry in log_history if "eval_loss" in entry]
    if not ends:
        return None, None, dict(evaluations[-1]) if evaluations else None
    rows: list[dict[str, Any]] = []
    loss: Any = "No log"
    for entry in log_history[: ends[-1]]:
        loss = entry.get("loss", loss)
        if "eval_loss" in entry:
            rows.append({"Training Loss": loss, "Epoch": entry.get("epoch"), "Step": entry.get("step"), **results_of(entry)})
    last = results_of((rows and evaluations[-1]) or {})
    results = {("Loss" if name == "Validation Loss" else name): value for name, value in last.items()}
    return dict(log_history[ends[-1]]), rows, results or None


def results_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The results among the values of an evaluation, by the names that a reader sees."""
    results: dict[str, Any] = {}
    loss = {"eval_loss": entry["eval_loss"]} if "eval_loss" in entry else {}
    for name, value in (loss | dict(entry)).items():
        if name not in _NOT_RESULTS and not name.endswith(_SPEEDS):
            words = name.removeprefix("eval_").split("_")
            results["Validation Loss" if name == "eval_loss" else " ".join(map(str.capitalize, words))] = value
    return results


def make_markdown_table(lines: Sequence[Mapping[str, Any]] | None) -> str:
    """Rows of the same columns as a table in Markdown; nothing for no rows."""
    if not lines:
        return ""
    columns = list(lines[0])
    table = [columns, *([rounded(line.get(column)) for column in columns] for line in lines)]
    widths = [max(len(row[index]) for row in table) for index in range(len(columns))]
    rule = "|".join(f":{'-' * width}:" for width in widths)
    shown = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in table]
    return "\n".join([shown[0], f"|{rule}|", *shown[1:]]) + "\n"


def rounded(value: Any) -> str:
    """A value as text; a number with more than four decimals is rounded to four."""
    long = isinstance(value, float) and len(str(value).partition(".")[2]) > 4
    return f"{value:.4f}" if long else str(value)
