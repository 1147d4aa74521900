"""What is measured of a run, and how it is printed and kept."""

import json
import math
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..core.errors import ArgumentError
from ..core.files import read_json, write_json


def speed_metrics(
    split: str, start_time: float, num_samples: int | None = None, num_steps: int | None = None, num_tokens: int | None = None
) -> dict[str, float]:
    """Seconds since `start_time` (of `time.time`), and rows, steps and tokens a second where their numbers are given.

    Args:
        split: the beginning of each name: train, eval, test.
    """
    runtime = time.time() - start_time
    metrics: dict[str, float] = {f"{split}_runtime": round(runtime, 4)}
    if runtime <= 0:
        return metrics
    for name, count, digits in (("samples", num_samples, 3), ("steps", num_steps, 3), ("tokens", num_tokens, 3)):
        if count is not None:
            metrics[f"{split}_{name}_per_second"] = round(count / runtime, digits)
    return metrics


def metrics_format(metrics: dict[str, Any]) -> dict[str, Any]:
    """A copy to be looked at: memory in MB, times in hours, minutes and seconds, operations in GF, four decimals."""
    shown = dict(metrics)
    for name, value in metrics.items():
        if "_mem_" in name:
            shown[name] = f"{int(value) >> 20}MB"
        elif "_runtime" in name:
            shown[name] = _clock(value)
        elif name == "total_flos":
            shown[name] = f"{int(value) >> 30}GF"
        elif isinstance(value, float):
            shown[name] = round(value, 4)
    return shown


def _clock(seconds: float) -> str:
    whole = timedelta(seconds=int(seconds))
    return f"{whole}.{int(math.floor(seconds * 100) % 100):02d}"


def metrics_table(split: str, shown: dict[str, Any]) -> str:
    """A heading and a line for each of these values of `metrics_format`, names and values each in a column."""
    names = max((len(str(name)) for name in shown), default=0)
    values = max((len(str(value)) for value in shown.values()), default=0)
    lines = [f"  {name:<{names}} = {value!s:>{values}}" for name, value in sorted(shown.items())]
    return "\n".join([f"***** {split} metrics *****", *lines])


def save_metrics(folder: Path, split: str, metrics: dict[str, Any], combined: bool = True) -> None:
    """Write `SPLIT_results.json`, and add what it holds to `all_results.json` if `combined`."""
    write_json(folder / f"{split}_results.json", metrics, sort_keys=True)
    if combined:
        whole = folder / "all_results.json"
        earlier = read_json(whole) if whole.is_file() else {}
        write_json(whole, earlier | metrics, sort_keys=True)


def as_number(value: Any) -> Any:
    """A tensor or array of one element, or a number of NumPy, as a number of Python; anything else as it is."""
    if isinstance(value, np.generic | np.ndarray):
        return value.item() if value.size == 1 else value
    return value.item() if isinstance(value, Tensor) and value.numel() == 1 else value


def check_metric(name: str, value: Any) -> None:
    """Refuse a metric that a checkpoint could not keep.

    Raises:
        ArgumentError: JSON has no form for it.
    """
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"compute_metrics gives {name!r:.60} as a {type(value).__name__}, which checkpoints cannot keep; expected a number"
        ) from error
