"""What was measured as rows: medians over the rounds, and ratios to the first combination, which are taken round by round."""

import csv
import io
import statistics
from collections.abc import Sequence
from typing import Any

from ..core.sizes import show_size
from .running import Measured

# Figure -> (heading, whether more is better).
SPEEDS = {
    "prefill_tokens_per_s": ("prefill tokens/s", True),
    "decode_tokens_per_s": ("decode tokens/s", True),
    "first_token_s": ("first token", False),
    "forward_s": ("forward", False),
    "rows_per_s": ("rows/s", True),
    "step_s": ("training step", False),
}
_SETTINGS = ("dtype", "quantization", "attention", "batch", "length")
# The speed that is compared, the first that there is.
_COMPARED = ("decode_tokens_per_s", "prefill_tokens_per_s", "rows_per_s", "step_s")


def medians(result: Measured) -> dict[str, float]:
    """The median of each figure."""
    names = result.rounds[0] if result.rounds else {}
    return {name: statistics.median(each[name] for each in result.rounds) for name in names}


def ratio(result: Measured, first: Measured, name: str) -> float | None:
    """The median of `name` over that of the first combination in the same round."""
    pairs = [
        (a[name], b[name]) for a, b in zip(result.rounds, first.rounds, strict=False) if name in a and name in b and b[name]
    ]
    return statistics.median(a / b for a, b in pairs) if pairs else None


def records(results: Sequence[Measured]) -> list[dict[str, Any]]:
    """One table for each combination: settings, rounds, medians, ratios, or why it failed."""
    return [_record(each, results[0]) for each in results if each.rounds or each.failed]


def _record(result: Measured, first: Measured) -> dict[str, Any]:
    record: dict[str, Any] = {name: getattr(result.combination, name) for name in _SETTINGS}
    record["quantization"] = result.combination.few_bits
    record |= {"rounds": len(result.rounds), **medians(result)}
    compared = next((name for name in _COMPARED if name in record), None)
    if compared is not None:
        # A step that takes half the time is twice as fast.
        times = ratio(result, first, compared)
        record["speed_ratio"] = times if times is None or SPEEDS[compared][1] else 1 / times
    record["memory_ratio"] = ratio(result, first, "peak")
    return {**record, "failed": result.failed}


def as_csv(results: Sequence[Measured]) -> str:
    """The records, one a line, under the names of all figures."""
    rows = records(results)
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def as_table(results: Sequence[Measured]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells for people. Settings that are the same everywhere are left out."""
    rows = records(results)
    settings = [name for name in _SETTINGS if len({row[name] for row in rows}) > 1] or ["dtype"]
    speeds = [name for name in SPEEDS if any(name in row for row in rows)]
    head = [*settings, "load", "peak memory", *(SPEEDS[name][0] for name in speeds), "speed", "memory"]
    return head, [_cells(row, settings, speeds) for row in rows]


def _cells(row: dict[str, Any], settings: Sequence[str], speeds: Sequence[str]) -> list[str]:
    cells = [str(row[name]) for name in settings]
    if not row["rounds"]:
        return [*cells, f"failed: {row['failed']}", *[""] * (len(speeds) + 3)]
    cells += [show_seconds(row["load_s"]), show_size(int(row["peak"]))]
    cells += [
        (show_seconds(row[name]) if name.endswith("_s") and "per" not in name else f"{row[name]:.4g}") if name in row else ""
        for name in speeds
    ]
    return [*cells, *(f"{row[name]:.2f} x" if row.get(name) is not None else "" for name in ("speed_ratio", "memory_ratio"))]


def show_seconds(value: float) -> str:
    """Seconds or milliseconds, with three digits."""
    return f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"
