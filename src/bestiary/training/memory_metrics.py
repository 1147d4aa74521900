"""`TrainerMemoryTracker`: how much memory each stage of a trainer takes, as metrics."""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..core.logging import warn_once
from ..core.optional import available, install_hint, require

# The method of a trainer -> the beginning of its metrics' names.
_STAGES = {"__init__": "init", "train": "train", "_inner_training_loop": "train", "evaluate": "eval", "predict": "test"}


class TrainerMemoryTracker:
    """Measures stages; one that begins within another, such as an evaluation in training, is a part of it.

    Of the CPU it is what the process holds in memory, of a GPU what tensors take. `STAGE_mem_cpu_alloc_delta` is how many bytes
    more there are at the end of a stage, `STAGE_mem_cpu_peaked_delta` how many more than that there were within; "gpu" stands
    for "cpu" where there is one. A thread looks for the peak of the CPU, and may miss a short one.

    Args:
        skip_memory_metrics: measure nothing. Nothing is measured either, and that is told, where psutil is not installed.
    """

    stages = _STAGES

    def __init__(self, skip_memory_metrics: bool = False) -> None:
        if not skip_memory_metrics and not available("psutil"):
            warn_once("no-psutil", f"memory is not measured: psutil is not installed: {install_hint('psutil')}")
            skip_memory_metrics = True
        self.skip_memory_metrics = skip_memory_metrics
        self.cur_stage: str | None = None
        self.cpu: dict[str, dict[str, int]] = {}
        self.gpu: dict[str, dict[str, int]] = {}
        self.init_reported = False
        self.peak_monitoring, self.cpu_mem_used_peak = False, 0
        if skip_memory_metrics:
            return
        psutil: Any = require("psutil", "skip_memory_metrics=False")
        self.process = psutil.Process()
        self.has_gpu = torch.cuda.is_available()

    def derive_stage(self) -> str:
        """The stage of the method that calls a method of this.

        Raises:
            ValueError: it is no method of a stage.
        """
        caller = sys._getframe(2).f_code.co_name
        if caller not in _STAGES:
            raise ValueError(f"memory is measured of {', '.join(_STAGES)}; it was called by {caller}")
        return _STAGES[caller]

    def cpu_mem_used(self) -> int:
        """Bytes that the process holds in memory."""
        return int(self.process.memory_info().rss)

    def peak_monitor_func(self) -> None:
        """Look for the peak until the stage is over."""
        while self.peak_monitoring:
            self.cpu_mem_used_peak = max(self.cpu_mem_used(), self.cpu_mem_used_peak)

    def start(self) -> None:
        """Begin the stage of the caller, unless one is running."""
        if not self.skip_memory_metrics:
            self._begin(self.derive_stage())

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        """A stage, unless one is running; it is over at the end, also where it fails."""
        if not self.skip_memory_metrics:
            self._begin(stage)
        try:
            yield
        finally:
            self.stop(stage)

    def _begin(self, stage: str) -> None:
        if self.cur_stage is not None:
            return
        self.cur_stage = stage
        gc.collect()
        if self.has_gpu:
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.empty_cache()
            self.gpu_mem_used_at_start = torch.cuda.memory_allocated()
        self.cpu_mem_used_at_start = self.cpu_mem_used_peak = self.cpu_mem_used()
        self.peak_monitoring = True
        self._watcher = threading.Thread(target=self.peak_monitor_func, daemon=True)
        self._watcher.start()

    def stop(self, stage: str) -> None:
        """End a stage, if it is the one that runs."""
        if self.cur_stage != stage:
            return
        self.peak_monitoring = False
        self._watcher.join()
        gc.collect()
        now = self.cpu_mem_used()
        self.cpu[stage] = _delta(self.cpu_mem_used_at_start, now, self.cpu_mem_used_peak)
        if self.has_gpu:
            torch.cuda.empty_cache()
            used, peak = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
            self.gpu[stage] = _delta(self.gpu_mem_used_at_start, used, peak)
        self.cur_stage = None

    def update_metrics(self, stage: str, metrics: dict[str, Any]) -> None:
        """Add what was measured of a stage, and the first time that of the trainer's making."""
        if self.skip_memory_metrics or self.cur_stage is not None:
            return
        stages = [stage] if self.init_reported or stage == "init" else ["init", stage]
        self.init_reported = True
        devices = {"cpu": self.cpu, "gpu": self.gpu}
        for name in stages:
            for device, measured in devices.items():
                for what in ("alloc", "peaked"):
                    if name in measured:
                        metrics[f"{name}_mem_{device}_{what}_delta"] = measured[name][what]
        if "init" in stages:
            for device, measured in devices.items():
                if "init" in measured:
                    metrics[f"before_init_mem_{device}"] = measured["init"]["begin"]

    def stop_and_update_metrics(self, metrics: dict[str, Any] | None = None) -> None:
        """End the caller's stage and add what was measured."""
        if self.skip_memory_metrics:
            return
        stage = self.derive_stage()
        self.stop(stage)
        if metrics is not None:
            self.update_metrics(stage, metrics)


def _delta(begin: int, end: int, peak: int) -> dict[str, int]:
    return {"begin": begin, "end": end, "alloc": end - begin, "peaked": max(0, peak - end)}
