"""Options that several commands share, written once: a parameter of a command that is a dataclass stands for its fields."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import PluginError
from .console import note, working
from .cores import IdleCores


class FloatType(StrEnum):
    """The floating-point type of the weights of a model that a command opens."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


Dtype = Annotated[FloatType | None, typer.Option(help="By default what the checkpoint holds.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a model on the hub.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Stats = Annotated[bool, typer.Option("--stats", help="Say on stderr how many tokens a second were written.")]


@dataclass(kw_only=True)
class Opening:
    """Which model a command opens, and where and on how many threads it runs."""

    model: Annotated[str, typer.Option("--model", "-m", help="Folder or name on the hub.")]
    revision: Revision = None
    device: Annotated[
        str | None, typer.Option(help="Where to run: cpu, cuda, cuda:1, mps. By default the first accelerator.")
    ] = None
    dtype: Dtype = None
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads on the CPU. By default OMP_NUM_THREADS, else the cores that are free.")
    ] = None

    def __post_init__(self) -> None:
        self._cores = IdleCores()

    def pipeline(self, task: str) -> Any:
        """The pipeline for `task`; imports torch."""
        with working(f"opening {Path(self.model).name}"):
            import torch

            from ..pipelines.opening import pipeline
            from ..pipelines.registry import TaskName

            torch.set_num_threads(self._threads(torch.get_num_threads()))
            options = {"revision": self.revision, "device": self.device, "dtype": self.dtype}
            return pipeline(TaskName(task), model=self.model, **options)

    def _threads(self, of_torch: int) -> int:
        """`threads`, else what torch took from OMP_NUM_THREADS, else at most as many as there are free cores."""
        if self.threads is not None:
            return self.threads
        return of_torch if "OMP_NUM_THREADS" in os.environ else min(of_torch, self._cores.count())


@dataclass(kw_only=True)
class OpeningOrEmbedded(Opening):
    """The same where the model in the package stands in for one that is not named."""

    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Folder or name on the hub. By default the model in the package.")
    ] = None  # type: ignore[assignment]  # wider than where it is required

    def pipeline(self, task: str) -> Any:
        """The pipeline for `task`; a person is told what the model in the package is."""
        if self.model is None:
            note("the model in the package is a demonstration, which knows the standard library of Python; -m names another")
            from ..pipelines.defaults import embedded_model_path

            self.model = str(embedded_model_path())
        return super().pipeline(task)


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """`command` as typer reads it: the fields of its dataclasses stand among its own parameters."""
    parameters = inspect.signature(command, eval_str=True).parameters
    for parameter in parameters.values():
        if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
            raise PluginError(f"{command.__module__}: run takes {str(parameter)!r}; expected parameters that are named")
    groups: dict[str, Any] = {name: p.annotation for name, p in parameters.items() if is_dataclass(p.annotation)}

    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group) if field.init})
        command(**values)

    written = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, direct in parameters.items()
        for parameter in (inspect.signature(groups[name], eval_str=True).parameters.values() if name in groups else [direct])
    ]
    run.__doc__, run.__name__ = command.__doc__, command.__name__
    run.__signature__ = inspect.Signature(written)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in written}
    return run
