"""`Reporter`: what all callbacks have in common that pass on to another tool what is logged."""

from collections.abc import Mapping
from datetime import datetime
from numbers import Number
from pathlib import Path
from socket import gethostname
from types import ModuleType
from typing import Any

from ...core.errors import MissingDependency, MissingReporter
from ...core.logging import get_logger, warn_once
from ...core.optional import require
from ..sharding.weights import is_sharded
from ..whole_model import save_whole_model
from .base import TrainerCallback, TrainerControl, TrainerState

logger = get_logger(__name__)

# What a training logs once, at its end.
SINGLE_VALUES = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss", "total_flos")


class Reporter(TrainerCallback):
    """Passes on what is logged to another tool, from the first process only. A subclass says how.

    A tool that cannot be set up ends a training before its first step. Later, an error of the network or of the tool's own
    (`package`) does not: it is told once, at the end it is told how many reports were lost, and all that is logged stands in
    `state.log_history` as ever. Other errors, such as one in a subclass of a user, end it as anywhere else.

    Attributes:
        package: what is imported. lost: how many reports failed.

    Raises:
        MissingReporter: the package is not installed, or broken.
    """

    package = ""

    def __init__(self) -> None:
        self._initialized = False
        self.lost = 0

    def tool(self, module: str = "") -> ModuleType:
        """The tool's package, or a module of it."""
        return required(module or self.package, type(self).__name__)

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Begin to report; called once, before the first report. A subclass may replace it."""
        self._initialized = True

    def ready(self, args: Any, state: TrainerState, model: Any = None, **kwargs: Any) -> bool:
        """Whether this process reports; the tool is set up then."""
        if not state.is_world_process_zero:
            return False
        if not self._initialized:
            self.setup(args, state, model, **kwargs)
        return True

    def forgives(self, event: str, error: Exception, state: TrainerState) -> bool:
        """Whether the training goes on after an error in a method; then it was told and counted."""
        foreign = self.package.partition(".")[0]
        if not state.global_step or event in ("on_init_end", "on_train_begin"):
            return False
        if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] != foreign:
            return False
        self.lost += 1
        what = f"{type(self).__name__}.{event} failed at step {state.global_step}: {type(error).__name__}: {error}"
        warn_once("lost-report", f"{what!s:.300}. The training goes on; trainer.state.log_history has it all", self.package)
        if event == "on_train_end":
            logger.error("%s lost %d reports; the first warning of it says why", type(self).__name__, self.lost)
        return True


class OpeningReporter(Reporter):
    """A reporter that is set up when a training begins, before there is something to report."""

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any) -> None:
        """Open what is reported to."""
        self.ready(args, state, model)


def required(module: str, needed_for: str) -> ModuleType:
    """Import a module of a tool.

    Raises:
        MissingReporter: it is not installed, or broken.
    """
    try:
        return require(module, needed_for)
    except MissingDependency as error:
        raise MissingReporter(str(error)) from error.__cause__


def rewrite_logs(d: Mapping[str, Any]) -> dict[str, Any]:
    """Names as folders: `eval_loss` becomes `eval/loss`, `test_loss` `test/loss`, any other `train/` and the name."""
    named = {}
    for name, value in d.items():
        stage = next((stage for stage in ("eval", "test") if name.startswith(f"{stage}_")), None)
        named[f"train/{name}" if stage is None else f"{stage}/{name[len(stage) + 1 :]}"] = value
    return named


def number_of(value: Any, name: str, reporter: TrainerCallback) -> float | int | None:
    """A number, or that of a tensor of one; None for all else, which is told once for each name."""
    if hasattr(value, "numel") and value.numel() == 1:
        value = value.item()
    if isinstance(value, Number):
        return value  # type: ignore[return-value]
    warn_once(
        "no-number",
        f"{type(reporter).__name__} takes numbers; {name!r} is a {type(value).__name__} and is left out",
        f"{type(reporter).__name__}.{name}",
    )
    return None


def config_of(model: Any) -> dict[str, Any] | None:
    """The config of a model, as plain values; None where it has none."""
    config = getattr(model, "config", None)
    if config is None:
        return None
    return dict(config) if isinstance(config, dict) else dict(config.to_dict())


def choices_of(args: Any, model: Any) -> dict[str, Any]:
    """The config of a model, that of its adapters as `peft_config`, and the arguments of the training."""
    adapters = getattr(model, "peft_config", None)
    return {**(config_of(model) or {}), **({"peft_config": adapters} if adapters else {}), **args.to_dict()}


def default_logdir() -> str:
    """A folder named after the time and this machine."""
    return str(Path("runs") / f"{datetime.now():%b%d_%H-%M-%S}_{gethostname()}")


def save_for_upload(model: Any, processing_class: Any, args: Any, folder: str) -> bool:
    """Write a model into a folder. One whose weights several processes share is left out, which is told: none has all."""
    if is_sharded(model):
        warn_once("sharded-upload", "a model that is shared out (FSDP) is not reported at the end; upload a checkpoint instead")
        return False
    save_whole_model(model, processing_class, args, folder)
    return True


def says_yes(word: str | None) -> bool:
    """Whether an environment variable is on: 1, on, yes, true."""
    return (word or "").strip().lower() in ("1", "on", "yes", "y", "true", "t")


def save_model_architecture_to_file(model: Any, output_dir: str) -> None:
    """Write the modules of a model, and how many weights it has, to `model_architecture.txt`."""
    text = str(model)
    if hasattr(model, "num_parameters"):
        text += f"\n\n{model.num_parameters()} weights, {model.num_parameters(only_trainable=True)} of them trained\n"
    (Path(output_dir) / "model_architecture.txt").write_text(text, encoding="utf-8")
