"""`PyTorchBenchmark` of release 4: time and memory of a forward and of a training step, by model, rows and tokens."""

import csv
import platform
import tempfile
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import torch

from ..auto import AutoConfig
from ..core.errors import ArgumentError, BestiaryError
from ..core.logging import get_logger
from ..loading.headers import read_headers
from ..modeling.families import tasks_of
from .child import measure
from .combination import Combination, Job
from .published_arguments import BenchmarkArguments, PyTorchBenchmarkArguments
from .running import in_process

logger = get_logger(__name__)


class BenchmarkOutput(NamedTuple):
    """What a benchmark found; summaries are those of traces, of which there are none."""

    time_inference_result: Any
    memory_inference_result: Any
    time_train_result: Any
    memory_train_result: Any
    inference_summary: None = None
    train_summary: None = None


_KINDS = {
    "time_inference": ("inference", "speed", "INFERENCE - SPEED - RESULT", "inference_time_csv_file"),
    "memory_inference": ("inference", "memory", "INFERENCE - MEMORY - RESULT", "inference_memory_csv_file"),
    "time_train": ("training", "speed", "TRAIN - SPEED - RESULTS", "train_time_csv_file"),
    "memory_train": ("training", "memory", "TRAIN - MEMORY - RESULTS", "train_memory_csv_file"),
}


def bytes_to_mega_bytes(memory_amount: int) -> int:
    """Whole mebibytes."""
    return memory_amount >> 20


class Memory(NamedTuple):
    """Bytes, printed as whole mebibytes."""

    bytes: int

    def __repr__(self) -> str:
        return str(bytes_to_mega_bytes(self.bytes))


class Benchmark:
    """Measures models. Results are tables: model -> {"bs", "ss", "result": {rows: {tokens: value}}}.

    Args:
        args: what is measured. configs: of the models in `args.models`, in their order: they have random weights.

    Raises:
        ArgumentError: no arguments or no models; other numbers of configs than of models; 16 bits without a GPU.
    """

    args: Any
    framework = "PyTorch"

    def __init__(self, args: BenchmarkArguments | None = None, configs: Any = None) -> None:
        if args is None:
            raise ArgumentError("a benchmark needs args, such as PyTorchBenchmarkArguments(models=['folder'])")
        self.args = args
        names = args.model_names
        several = [configs] if configs is not None and not isinstance(configs, list | tuple) else configs
        if several and len(several) != len(names):
            raise ArgumentError(
                f"{len(several)} configs are given for {len(names)} models, {', '.join(names)}; expected one for each"
            )
        if args.fp16 and not getattr(args, "is_gpu", False):
            raise ArgumentError("fp16=True needs a GPU; bestiary bench --dtype bfloat16 measures 16 bits on a CPU")
        self.config_dict = dict(zip(names, several or [AutoConfig.from_pretrained(each) for each in names], strict=True))
        self._has_weights = not several

    @cached_property
    def print_fn(self) -> Callable[..., None]:
        """Prints; to `args.log_filename` too, if `args.log_print`."""
        if not self.args.log_print:
            return print

        def print_and_log(*words: Any) -> None:
            with open(self.args.log_filename, "a", encoding="utf-8") as file:
                file.write("".join(map(str, words)) + "\n")
            print(*words)  # noqa: T201 (what the class does)

        return print_and_log

    @property
    def framework_version(self) -> str:
        """Of torch."""
        return torch.__version__

    def run(self) -> BenchmarkOutput:
        """Measure all, print tables, and write files if `args.save_to_csv`."""
        args = self.args
        results: dict[str, Any] = {
            kind: {
                name: {"bs": args.batch_sizes, "ss": args.sequence_lengths, "result": {rows: {} for rows in args.batch_sizes}}
                for name in args.model_names
            }
            for kind in _KINDS
        }
        for number, name in enumerate(args.model_names):
            self.print_fn(f"{number + 1} / {len(args.model_names)}")
            for rows in args.batch_sizes:
                for tokens in args.sequence_lengths:
                    for what in ("inference", "training"):
                        if getattr(args, what) and (args.speed or args.memory):
                            self._enter(results, name, rows, tokens, what)
        for kind, (what, measured, title, file) in _KINDS.items():
            if getattr(args, what) and getattr(args, measured):
                self.print_fn("\n" + f" {title} ".center(80, "="))
                self.print_results(results[kind], "Time in s" if measured == "speed" else "Memory in MB")
                self.save_to_csv(results[kind], getattr(args, file))
        if args.env_print:
            self.print_fn("\n" + " ENVIRONMENT INFORMATION ".center(80, "="))
            self.print_fn("\n".join(f"- {name}: {value}" for name, value in self.environment_info.items()) + "\n")
        if args.save_to_csv:
            with open(args.env_info_csv_file, "w", newline="", encoding="utf-8") as table:
                csv.writer(table, lineterminator="\n").writerows(self.environment_info.items())
        return BenchmarkOutput(*(results[kind] for kind in _KINDS))

    def _enter(self, results: dict[str, Any], name: str, rows: int, tokens: int, what: str) -> None:
        figures = self._figures(name, rows, tokens, what == "training")
        kind = "train" if what == "training" else what
        place: Any = "N/A" if isinstance(figures, str) else figures["step_s" if what == "training" else "forward_s"]
        if isinstance(figures, str):
            logger.warning("%s, %d x %d: %s", name, rows, tokens, figures)
        if self.args.speed:
            results[f"time_{kind}"][name]["result"][rows][tokens] = place
        if self.args.memory:
            used = "N/A" if isinstance(figures, str) else Memory(int(figures["program"] + figures["peak"]))
            results[f"memory_{kind}"][name]["result"][rows][tokens] = used

    def _figures(self, name: str, rows: int, tokens: int, trains: bool) -> dict[str, Any] | str:
        config, args = self.config_dict[name], self.args
        table = tasks_of(config.model_type)
        named = next(iter(config.architectures or ()), None)
        class_name = table["base"] if args.only_pretrain_model or named is None else named
        if trains and class_name == table["base"]:
            class_name = next((table[task] for task in ("causal-lm", "masked-lm", "seq2seq-lm") if task in table), class_name)
        setting = Combination("float16" if args.fp16 else "float32", "none", "default", rows, tokens)
        with tempfile.TemporaryDirectory() as folder:
            place = name
            if not self._has_weights:
                config.save_pretrained(place := folder)
            job = Job(
                place, setting, random=not self._has_weights or not _weights_of(name), class_name=class_name, times=args.repeat,
                device=str(args.device), trains=trains, forwards=True,
            )  # fmt: skip
            if args.do_multi_processing:
                return in_process(job)
            try:
                return measure(job)
            except (BestiaryError, RuntimeError, ValueError) as error:
                return f"{type(error).__name__}: {error}"

    def inference_speed(self, model_name: str, batch_size: int, sequence_length: int) -> Any:
        """Seconds of a forward."""
        return self._one(model_name, batch_size, sequence_length, False)["forward_s"]

    def train_speed(self, model_name: str, batch_size: int, sequence_length: int) -> Any:
        """Seconds of a training step."""
        return self._one(model_name, batch_size, sequence_length, True)["step_s"]

    def inference_memory(self, model_name: str, batch_size: int, sequence_length: int) -> tuple[Memory, None]:
        """The most memory of the process of a forward, and no trace."""
        numbers = self._one(model_name, batch_size, sequence_length, False)
        return Memory(int(numbers["program"] + numbers["peak"])), None

    def train_memory(self, model_name: str, batch_size: int, sequence_length: int) -> tuple[Memory, None]:
        """The most memory of the process of a training step, and no trace."""
        numbers = self._one(model_name, batch_size, sequence_length, True)
        return Memory(int(numbers["program"] + numbers["peak"])), None

    def _one(self, name: str, rows: int, tokens: int, trains: bool) -> dict[str, Any]:
        figures = self._figures(name, rows, tokens, trains)
        if isinstance(figures, str):
            raise ArgumentError(f"{name} could not be measured: {figures}")
        return figures

    @property
    def environment_info(self) -> dict[str, Any]:
        """Facts of the machine and of the benchmark."""
        from .. import __version__
        from ..placement.free_memory import total_memory

        now = datetime.now()
        return {
            "transformers_version": __version__,
            "framework": self.framework,
            "use_torchscript": False,
            "framework_version": self.framework_version,
            "python_version": platform.python_version(),
            "system": platform.system(),
            "cpu": platform.processor(),
            "architecture": platform.architecture()[0],
            "date": now.date(),
            "time": now.time(),
            "fp16": self.args.fp16,
            "use_multiprocessing": self.args.do_multi_processing,
            "only_pretrain_model": self.args.only_pretrain_model,
            "cpu_ram_mb": bytes_to_mega_bytes(total_memory(torch.device("cpu"))),
            "use_gpu": bool(getattr(self.args, "is_gpu", False)),
            "use_tpu": False,
        }

    def print_results(self, result_dict: Any, type_label: str) -> None:
        """Print a table of results."""
        self.print_fn(80 * "-")
        self.print_fn("Model Name".center(30) + "Batch Size".center(15) + "Seq Length".center(15) + type_label.center(15))
        self.print_fn(80 * "-")
        for name, rows, tokens, value in _rows(result_dict):
            short = "< 0.001" if isinstance(value, float) and round(1000 * value) == 0 else value
            shown = f"{short:.3f}" if isinstance(short, float) else str(short)
            self.print_fn(name[:30].center(30) + str(rows).center(15) + str(tokens).center(15) + shown.center(15))
        self.print_fn(80 * "-")

    def save_to_csv(self, result_dict: Any, filename: str) -> None:
        """Write a table of results, if `args.save_to_csv`: model, batch_size, sequence_length, result."""
        if not self.args.save_to_csv:
            return
        self.print_fn("Saving results to csv.")
        with open(filename, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["model", "batch_size", "sequence_length", "result"])
            for name, rows, tokens, value in _rows(result_dict):
                writer.writerow([name, rows, tokens, f"{value:.4f}" if isinstance(value, float) else value])


class PyTorchBenchmark(Benchmark):
    """The benchmark of models of torch."""

    args: PyTorchBenchmarkArguments


def _rows(results: Any) -> list[tuple[str, int, int, Any]]:
    table_rows = []
    for name, table in results.items():
        table_rows += [
            (name, rows, tokens, table["result"][rows].get(tokens)) for rows in table["bs"] for tokens in table["ss"]
        ]
    return table_rows


def _weights_of(name: str) -> bool:
    from ..core.errors import FileMissing

    try:
        return bool(read_headers(name))
    except FileMissing:
        return False
