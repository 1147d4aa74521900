"""What `Trainer` writes, and how it goes on from it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from torch import nn

from ..core.errors import ArgumentError, BestiaryError, CorruptFile, LoadError
from ..core.files import folder_to_fill, replacing
from ..core.first_process import every_process_reads, waits_for_weights
from ..core.logging import get_logger, warn_once
from ..loading.checkpoint import Checkpoint
from .callbacks.base import TrainerControl, TrainerState
from .checkpoints import (
    OPTIMIZER_NAME,
    PREFIX_CHECKPOINT_DIR,
    SCALER_NAME,
    SCHEDULER_NAME,
    TRAINER_STATE_NAME,
    bytes_of,
    fault_of,
    get_last_checkpoint,
    new_checkpoint,
    remove_partial,
    rotate,
)
from .optimizers.averaging import to_average
from .optimizers.stored import state_to_store, take_stored
from .randomness import random_state
from .run_metrics import metrics_format, metrics_table, save_metrics
from .sharding.shards import OPTIMIZER_FOLDER, holds_shards, read_model, read_optimizer
from .sharding.weights import as_itself, is_sharded, part_of, parts_of_optimizer
from .whole_model import save_beside, save_whole_model

logger = get_logger(__name__)


class Saving:
    """Methods of `Trainer` that write and read. A subclass may replace any of them."""

    # Models.

    def save_model(self: Any, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the model, its tokenizer or processor and the arguments, so that `from_pretrained` opens them.

        Args:
            output_dir: the folder; by default `args.output_dir`.
        """
        to_average(self.optimizer)
        weights = self.whole_weights()
        if self.args.should_save:
            self._save(self.args.output_dir if output_dir is None else output_dir, state_dict=weights)
        if self.args.push_to_hub and not _internal_call:
            self.push_to_hub("Model save")

    def _save(self: Any, output_dir: str | None = None, state_dict: Mapping[str, Any] | None = None) -> None:
        folder = self.args.output_dir if output_dir is None else output_dir
        save_whole_model(self.model, self.processing_class, self.args, folder, state_dict)

    def _save_beside(self: Any, folder: Path) -> None:
        """Write what stands beside weights: the tokenizer or processor, and the arguments."""
        save_beside(self.processing_class, self.args, folder)

    # Checkpoints.

    def _get_output_dir(self: Any, trial: Any = None) -> str:
        folder: str = self._folder_of_trial()
        return folder

    def _save_checkpoint(self: Any, model: nn.Module, trial: Any = None, random_numbers: dict[str, Any] | None = None) -> None:
        """Write all that a continuation needs into a folder of its own, then remove old ones.

        Args:
            random_numbers: the states to keep; by default those of now.

        Raises:
            SaveError: it could not be written; in every process.
        """
        args, state = self.args, self.state
        folder = Path(self._get_output_dir(trial))
        to_average(self.optimizer)
        states = args.processes.gathered(random_state() if random_numbers is None else random_numbers)
        self.store_flos()
        parts = self.collected(folder / f".{PREFIX_CHECKPOINT_DIR}-{state.global_step}.shards.partial")
        fault: BestiaryError | None = None
        if args.should_save:
            path = folder / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
            if state.best_global_step == state.global_step:
                state.best_model_checkpoint = str(path)
            try:
                with new_checkpoint(folder, state.global_step, self.progress.run, self._bytes_to_save()) as partial:
                    if parts is None:
                        self.save_model(str(partial), _internal_call=True)
                    else:
                        self._save_collected(partial, parts)
                    if not args.save_only_model:
                        self._save_training_state(partial, states, None if parts is None else parts.optimizer)
                    # Callbacks are asked now, for their state changes with each event.
                    state.stateful_callbacks = TrainerState(stateful_callbacks=self.stateful_callbacks()).stateful_callbacks
                    state.save_to_json(str(partial / TRAINER_STATE_NAME))
                rotate(folder, args.save_total_limit, self.progress.run, state.best_model_checkpoint)
            except BestiaryError as error:
                fault = error
        if fault := args.processes.of_first(fault):
            raise fault
        self._push_from_checkpoint(str(folder / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"))

    def _bytes_to_save(self: Any) -> int:
        weights = bytes_of(dict(self.model.named_parameters()))
        return weights + (0 if self.args.save_only_model else bytes_of(self.optimizer.state_dict()))

    def _save_training_state(
        self: Any, folder: Path, random_states: list[dict[str, Any]], optimizer_state: dict[str, Any] | None = None
    ) -> None:
        if not holds_shards(folder):
            _write(state_to_store(self.optimizer) if optimizer_state is None else optimizer_state, folder / OPTIMIZER_NAME)
        _write(self.lr_scheduler.state_dict(), folder / SCHEDULER_NAME)
        if self.scaler is not None:
            _write(self.scaler.state_dict(), folder / SCALER_NAME)
        for index, state in enumerate(random_states):
            _write(state, folder / _random_name(index, len(random_states)))
        self.progress.save(folder)

    def _checkpoint_to_resume(self: Any, wanted: str | bool | None) -> str | None:
        """The folder that a training goes on from, None where it begins anew.

        Raises:
            ArgumentError: none is there, or the one that was named is not whole.
        """
        folder = self._get_output_dir()
        if self.is_world_process_zero():
            remove_partial(folder)
        if not wanted:
            return None
        if wanted is True:
            found = get_last_checkpoint(folder) if Path(folder).is_dir() else None
            if found is None:
                raise ArgumentError(f"resume_from_checkpoint is True, and {folder} holds no whole checkpoint")
            return found
        path = Path(wanted)
        if not path.is_dir():
            raise ArgumentError(f"resume_from_checkpoint is {str(wanted)!r:.200}; there is no such folder")
        if (fault := fault_of(path)) is not None:
            raise ArgumentError(f"a training cannot go on from {path}: {fault}")
        return str(path)

    def _new_run(self: Any) -> str:
        return str(self.args.processes.of_first(uuid4().hex))

    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Put the weights of a checkpoint into the model.

        Raises:
            LoadError: they are those of another model.
        """
        model, checkpoint = self.model if model is None else model, Path(resume_from_checkpoint)
        if holds_shards(checkpoint):
            read_model(checkpoint, self._wrap_model(model) if self.is_fsdp_enabled else model)
        elif is_sharded(model) or not waits_for_weights():  # else the first process sends them, before the first step
            load_weights(model, checkpoint)

    def load_training_state(self: Any, checkpoint: Path) -> None:
        """Put back the state, optimizer, schedule and callbacks of a checkpoint.

        Raises:
            ArgumentError: it was saved with save_only_model.
        """
        in_parts = holds_shards(checkpoint)
        of_optimizer = OPTIMIZER_FOLDER if in_parts else OPTIMIZER_NAME
        missing = [name for name in (of_optimizer, SCHEDULER_NAME) if not (checkpoint / name).exists()]
        if missing:
            raise ArgumentError(f"a training cannot go on from {checkpoint}: it holds no {' and no '.join(missing)}")
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
        self.first_step = self.state.global_step
        if in_parts:
            read_optimizer(checkpoint, self.model, self.optimizer)
        else:
            _take_state(self.optimizer, checkpoint / OPTIMIZER_NAME, parts_of_optimizer if self.is_fsdp_enabled else None)
        _take_state(self.lr_scheduler, checkpoint / SCHEDULER_NAME)
        if self.scaler is not None and (checkpoint / SCALER_NAME).is_file():
            self.scaler.load_state_dict(_read(checkpoint / SCALER_NAME))
        if self.args.restore_callback_states_from_checkpoint:
            self._restore_callbacks()

    def _restore_callbacks(self: Any) -> None:
        """Give each callback the state that one of its class was saved with."""
        stored: dict[str, Any] = {
            name: list(each) if isinstance(each, list) else [each] for name, each in self.state.stateful_callbacks.items()
        }
        for callback in self.stateful_callbacks():
            states = stored.get(type(callback).__name__)
            if not states:
                warn_once("no-state", f"the checkpoint holds no state of {type(callback).__name__}", type(callback).__name__)
            elif not isinstance(callback, TrainerControl):
                vars(callback).update(vars(type(callback).from_state(states.pop(0))))

    def random_numbers_in(self: Any, checkpoint: Path) -> dict[str, Any] | None:
        """The state of random numbers of this process; None, with a warning, where there is none for it."""
        path = checkpoint / _random_name(self.args.process_index, self.args.world_size)
        if not path.is_file():
            warn_once(
                "no-random-state", f"{checkpoint} holds no {path.name}: random numbers will be others than without a stop"
            )
            return None
        state: dict[str, Any] = _read(path)
        return state

    def _load_best_model(self: Any) -> None:
        """Put the weights of the best checkpoint into the model."""
        best = self.state.best_model_checkpoint
        if best is None or not Path(best).is_dir():
            warn_once("no-best", f"the best checkpoint, {best}, is not there: the weights stay those of the last update")
            return
        to_average(self.optimizer)
        self._load_from_checkpoint(best)

    # The best evaluation.

    def _metric(self: Any, metrics: Mapping[str, float], name: str) -> float:
        name = name if name.startswith("eval_") else f"eval_{name}"
        if name not in metrics:
            raise ArgumentError(f"metric_for_best_model is {name!r}, which the evaluation did not give: {', '.join(metrics)}")
        return metrics[name]

    def _determine_best_metric(self: Any, metrics: Mapping[str, float], trial: Any = None) -> bool:
        """Note an evaluation that is better than all before; returns whether it is."""
        args, state = self.args, self.state
        if args.metric_for_best_model is None:
            return False
        value = self._metric(metrics, args.metric_for_best_model)
        best = state.best_metric
        if best is not None and not (value > best if args.greater_is_better else value < best):
            return False
        state.best_metric, state.best_global_step = value, state.global_step
        return True

    # What was measured.

    def log_metrics(self: Any, split: str, metrics: dict[str, Any]) -> None:
        """Print metrics in a table, in the first process.

        Args:
            split: what they are of: train, eval, test.
        """
        if self.is_world_process_zero():
            print(metrics_table(split, metrics))  # noqa: T201 (this is what it is for)

    def metrics_format(self: Any, metrics: dict[str, Any]) -> dict[str, Any]:
        """A copy to be looked at."""
        return metrics_format(metrics)

    def save_metrics(self: Any, split: str, metrics: dict[str, Any], combined: bool = True) -> None:
        """Write `SPLIT_results.json`, and with `combined` add to `all_results.json`, in the first process."""
        if self.is_world_process_zero():
            save_metrics(folder_to_fill(self.args.output_dir), split, metrics, combined)

    def save_state(self: Any) -> None:
        """Write `trainer_state.json`, in the first process."""
        if self.is_world_process_zero():
            self.state.save_to_json(str(folder_to_fill(self.args.output_dir) / TRAINER_STATE_NAME))


def load_weights(model: Any, folder: Path) -> None:
    """Put the weights that `Trainer.save_model` wrote into a model of the same form.

    Raises:
        LoadError: they are those of another model.
    """
    if (folder / "adapter_config.json").is_file() and hasattr(model, "load_adapter"):
        model.load_adapter(str(folder), model.active_adapter, is_trainable=True)
        return
    if hasattr(model, "config") and hasattr(type(model), "from_pretrained"):
        with as_itself(model), every_process_reads():
            state = type(model).from_pretrained(str(folder), dtype=torch.float32).state_dict()
    else:
        stored = Checkpoint.open(folder)
        state = {name: stored.tensor(name) for name in stored.keys}
    # What is tied is stored once, under one of its names.
    known = {id(each): name for name, each in model.state_dict(keep_vars=True).items() if name in state}
    ties = {name: known[id(each)] for name, each in model.state_dict(keep_vars=True).items() if id(each) in known}
    try:
        given = {name: state[source] for name, source in ties.items()} | state
        if is_sharded(model):
            own = model.state_dict()
            given = {name: part_of(value, own.get(name)) for name, value in given.items()}
        result = model.load_state_dict(given, strict=False)
    except RuntimeError as error:
        raise LoadError(f"{folder} holds weights of other shapes than {type(model).__name__}: {error}") from error
    if result.missing_keys or result.unexpected_keys:
        missing, unexpected = (", ".join(names[:5]) or "none" for names in result)
        raise LoadError(f"{folder} holds other weights than {type(model).__name__}: missing {missing}, unexpected {unexpected}")


def _take_state(part: Any, path: Path, change: Callable[[Any, Any], Any] | None = None) -> None:
    """Give an optimizer or a schedule the state in a file, changed by a function of (state, part) if there is one.

    Raises:
        CorruptFile: it is damaged. LoadError: it is of another kind.
    """
    stored = _read(path)
    choices = set(getattr(part, "defaults", ())) - {"differentiable"}  # which loading adds
    try:
        take_stored(part, stored if change is None else change(stored, part))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise LoadError(f"{path} does not fit the {type(part).__name__} of this training: {error}") from error
    # An optimizer fills in what its earlier releases did not save; what is missing then was never its own.
    if any(choices - set(group) for group in getattr(part, "param_groups", ())):
        raise LoadError(
            f"{path} is of another kind of optimizer than {type(part).__name__}; go on with the optim it was saved with"
        )


def _random_name(index: int, count: int) -> str:
    return "rng_state.pth" if count == 1 else f"rng_state_{index}.pth"


def _write(value: Any, path: Path) -> None:
    with replacing(path) as temporary:
        torch.save(value, temporary)


def _read(path: Path) -> Any:
    """What torch saved, of tensors, arrays, numbers and texts only.

    Raises:
        CorruptFile: it is something else.
    """
    remake: Any = np.empty(0).__reduce__()[0]
    # The published trainer keeps numpy's random numbers in an array; what makes one moved with release 2 of numpy.
    places = ("numpy._core.multiarray._reconstruct", "numpy.core.multiarray._reconstruct")
    arrays: list[Any] = [*((remake, place) for place in places), np.ndarray, np.dtype, type(np.dtype(np.uint32))]
    try:
        with torch.serialization.safe_globals(arrays):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CorruptFile(
            f"{path} holds something else than tensors, numbers and texts, or is damaged ({type(error).__name__}); it was not"
            " run. Go on from another checkpoint"
        ) from error
