"""`PyTorchBenchmarkArguments` and what it is made of, as release 4 had them."""

import dataclasses
import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from ..core.argument_parser import HfArg
from ..core.errors import ArgumentError
from ..core.logging import warn_once

# Older spellings that say the opposite.
_OPPOSITES = ("inference", "cuda", "tpu", "speed", "memory", "env_print", "multi_process")


def _file(name: str) -> Any:
    return field(default_factory=lambda: f"{name}_{round(time.time())}.csv", metadata={"help": f"Where {name} is written"})


@dataclass
class BenchmarkArguments:
    """What a benchmark of release 4 measures, and of what.

    Fields:
        models: folders, names on the hub, or names for the `configs` of the benchmark. batch_sizes, sequence_lengths: each of
            one with each of the other.
        inference, training: of a forward; of a forward and its backward. speed, memory: what is measured.
        multi_process: each measurement in a process of its own. repeat: how often each is timed; the median counts.
        save_to_csv: write results to the files whose names end with csv_file. log_print: write what is printed to
            `log_filename` too. env_print: tell about the machine.
        only_pretrain_model: the base model, whatever class the config names.
    """

    models: list[str] = field(default_factory=list, metadata={"help": "Checkpoints, or names of configs that are given"})
    batch_sizes: list[int] = field(default_factory=lambda: [8], metadata={"help": "Rows of a batch"})
    sequence_lengths: list[int] = field(default_factory=lambda: [8, 32, 128, 512], metadata={"help": "Tokens of a row"})
    inference: bool = HfArg(default=True, help="Measure a forward; --no-inference does not")
    cuda: bool = HfArg(default=True, help="Use a GPU where there is one; --no-cuda does not")
    tpu: bool = HfArg(default=True, help="Use a TPU where there is one; none is used here")
    fp16: bool = HfArg(default=False, help="Weights in 16 bits, on a GPU")
    training: bool = HfArg(default=False, help="Measure a training step")
    verbose: bool = HfArg(default=False, help="Tell all lines of a trace of memory")
    speed: bool = HfArg(default=True, help="Measure time; --no-speed does not")
    memory: bool = HfArg(default=True, help="Measure memory; --no-memory does not")
    trace_memory_line_by_line: bool = HfArg(default=False, help="Memory by lines of source; refused here")
    save_to_csv: bool = HfArg(default=False, help="Write results to CSV files")
    log_print: bool = HfArg(default=False, help="Write what is printed to a file too")
    env_print: bool = HfArg(default=False, help="Tell about the machine")
    multi_process: bool = HfArg(default=True, help="A process for each measurement; --no-multi-process: none")
    inference_time_csv_file: str = _file("inference_time")
    inference_memory_csv_file: str = _file("inference_memory")
    train_time_csv_file: str = _file("train_time")
    train_memory_csv_file: str = _file("train_memory")
    env_info_csv_file: str = _file("env_info")
    log_filename: str = _file("log")
    repeat: int = HfArg(default=3, help="Rounds of timing")
    only_pretrain_model: bool = HfArg(default=False, help="The base model, whatever class the config names")

    def to_json_string(self) -> str:
        """The fields as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @property
    def model_names(self) -> list[str]:
        """The models.

        Raises:
            ArgumentError: there are none.
        """
        if not self.models:
            raise ArgumentError("a benchmark needs a model: models=['folder'], or a name of your own with configs=[config]")
        return self.models

    @property
    def do_multi_processing(self) -> bool:
        """Whether each measurement has a process of its own."""
        return self.multi_process


@dataclass
class PyTorchBenchmarkArguments(BenchmarkArguments):
    """The arguments of `PyTorchBenchmark`; `no_speed=True` and its like are older spellings of `speed=False`.

    Raises:
        ArgumentError: unknown arguments, tracing by TorchScript or by lines, and sizes that are none.
    """

    torchscript: bool = HfArg(default=False, help="Trace the models; refused here")
    torch_xla_tpu_print_metrics: bool = HfArg(default=False, help="Metrics of a TPU; none is used here")
    fp16_opt_level: str = HfArg(default="O1", help="Of Apex, which is not used: 16-bit weights are torch's")

    def __init__(self, **kwargs: Any) -> None:
        for name in _OPPOSITES:
            if (older := f"no_{name}") in kwargs:
                warn_once(older, f"{older} is an older spelling: {name}={not kwargs[older]}")
                kwargs[name] = not kwargs.pop(older)
        known = {each.name: each for each in dataclasses.fields(self)}
        if unknown := kwargs.keys() - known.keys():
            raise ArgumentError(f"a benchmark takes no argument {min(unknown)!r}")
        for name, each in known.items():
            default = each.default_factory() if each.default_factory is not dataclasses.MISSING else each.default
            setattr(self, name, kwargs.get(name, default))
        for name in ("batch_sizes", "sequence_lengths"):
            if any(isinstance(each, bool) or not isinstance(each, int) or each < 1 for each in getattr(self, name)):
                raise ArgumentError(f"{name} is {getattr(self, name)}; expected whole numbers from 1 on")
        if self.torchscript:
            raise ArgumentError("torchscript=True: models are not traced by TorchScript here; torch.compile takes its place")
        if self.trace_memory_line_by_line:
            raise ArgumentError("trace_memory_line_by_line=True: memory is measured of whole processes; a profiler tells lines")

    @cached_property
    def _setup_devices(self) -> tuple[torch.device, int]:
        count = torch.cuda.device_count() if self.cuda and torch.cuda.is_available() else 0
        return torch.device("cuda" if count else "cpu"), count

    @property
    def is_tpu(self) -> bool:
        """False: no TPU is used."""
        return False

    @property
    def device(self) -> torch.device:
        """Where it is measured."""
        return self._setup_devices[0]

    @property
    def device_idx(self) -> int:
        """The number of the GPU.

        Raises:
            ArgumentError: there is none.
        """
        if not self.is_gpu:
            raise ArgumentError("device_idx is the number of a GPU, and the benchmark runs on the CPU")
        return torch.cuda.current_device()

    @property
    def n_gpu(self) -> int:
        """GPUs that may be used."""
        return self._setup_devices[1]

    @property
    def is_gpu(self) -> bool:
        """Whether it is measured on a GPU."""
        return self.n_gpu > 0
