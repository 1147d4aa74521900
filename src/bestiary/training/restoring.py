"""How `Trainer` goes on from what it wrote: weights, optimizer, schedule, callbacks and random numbers of a checkpoint."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import ArgumentError, LoadError
from ..core.first_process import every_process_reads, waits_for_weights
from ..core.logging import warn_once
from ..loading.checkpoint import Checkpoint
from .callbacks.base import TrainerControl, TrainerState
from .checkpoints import (
    OPTIMIZER_NAME,
    SCALER_NAME,
    SCHEDULER_NAME,
    TRAINER_STATE_NAME,
    check_step,
    fault_of,
    get_last_checkpoint,
    remove_partial,
)
from .optimizers.averaging import to_average
from .optimizers.fits import check_fits
from .optimizers.stored import take_stored
from .randomness import set_random_state
from .sharding.shards import OPTIMIZER_FOLDER, holds_shards, read_model, read_optimizer
from .sharding.weights import as_itself, is_sharded, part_of, parts_of_optimizer
from .stored_state import check_random, check_schedule, random_name, read_state


class Restoring:
    """Methods of `Trainer` that read checkpoints. A subclass may replace any of them."""

    def _checkpoint_to_resume(self: Any, wanted: str | bool | None, trial: Any = None) -> str | None:
        """The folder that a training goes on from, None where it begins anew.

        Raises:
            ArgumentError: none is there, or the one that was named is not whole.
        """
        folder = self._get_output_dir(trial=trial)
        if self.is_world_process_zero():
            remove_partial(folder)
        if not wanted:
            return None
        if wanted is True:
            checkpoint = get_last_checkpoint(folder) if Path(folder).is_dir() else None
            if checkpoint is None:
                raise ArgumentError(f"resume_from_checkpoint is True, and {folder} holds no whole checkpoint")
            return checkpoint
        path = Path(wanted)
        if not path.is_dir():
            raise ArgumentError(f"resume_from_checkpoint is {str(wanted)!r:.200}; there is no such folder")
        if (fault := fault_of(path)) is not None:
            raise ArgumentError(f"a training cannot go on from {path}: {fault}")
        return str(path)

    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Put the weights of a checkpoint into the model.

        Raises:
            LoadError: they are those of another model.
        """
        model, checkpoint = self.model if model is None else model, Path(resume_from_checkpoint)
        if holds_shards(checkpoint):
            read_model(checkpoint, self._wrap_model(model) if self.args.sharding is not None else model)
        elif is_sharded(model) or not waits_for_weights():  # else the first process sends them, before the first step
            fits = load_weights(model, checkpoint)
            if fits is not None:
                self._issue_warnings_after_load(fits)

    def _issue_warnings_after_load(self: Any, load_result: Any) -> None:
        """Refuse weights that are not those of the model; a subclass may be content with less.

        Args:
            load_result: `missing_keys` and `unexpected_keys`.

        Raises:
            LoadError: there are such keys.
        """
        names = (load_result.missing_keys, load_result.unexpected_keys)
        if any(names):
            missing, unexpected = (", ".join(each[:5]) or "none" for each in names)
            kind = type(self.model).__name__
            raise LoadError(f"the checkpoint holds other weights than {kind}: missing {missing}, unexpected {unexpected}")

    def load_training_state(self: Any, checkpoint: Path) -> None:
        """Put back the state and the callbacks of a checkpoint.

        Raises:
            ArgumentError: it was saved with save_only_model.
        """
        in_parts = holds_shards(checkpoint)
        of_optimizer = OPTIMIZER_FOLDER if in_parts else OPTIMIZER_NAME
        missing = [name for name in (of_optimizer, SCHEDULER_NAME) if not (checkpoint / name).exists()]
        if missing:
            raise ArgumentError(f"a training cannot go on from {checkpoint}: it holds no {' and no '.join(missing)}")
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
        check_step(checkpoint, self.state.global_step)
        self.first_step = self.state.global_step
        if self.args.restore_callback_states_from_checkpoint:
            self._load_callback_state()

    def _load_optimizer_and_scheduler(self: Any, checkpoint: str | None) -> None:
        """Put back the optimizer and the schedule of a checkpoint."""
        if checkpoint is None:
            return
        folder = Path(checkpoint)
        if holds_shards(folder):
            read_optimizer(folder, self.model, self.optimizer)
        else:
            names = {id(each): name for name, each in self.model.named_parameters()}
            shared = self.args.sharding is not None
            _take_state(self.optimizer, folder / OPTIMIZER_NAME, parts_of_optimizer if shared else None, names)
        check_schedule(folder / SCHEDULER_NAME)
        _take_state(self.lr_scheduler, folder / SCHEDULER_NAME)

    def _load_scaler(self: Any, checkpoint: str | None) -> None:
        """Put back what the scale of 16-bit gradients was, where there is one."""
        if self.scaler is not None and checkpoint is not None and (Path(checkpoint) / SCALER_NAME).is_file():
            self.scaler.load_state_dict(read_state(Path(checkpoint) / SCALER_NAME))

    def _load_callback_state(self: Any) -> None:
        """Give each callback the state that one of its class was saved with, as `self.state` has it."""
        stored: dict[str, Any] = {
            name: list(each) if isinstance(each, list) else [each] for name, each in self.state.stateful_callbacks.items()
        }
        for callback in self.stateful_callbacks():
            states = stored.get(type(callback).__name__)
            if not states:
                warn_once("no-state", f"the checkpoint holds no state of {type(callback).__name__}", type(callback).__name__)
            elif not isinstance(callback, TrainerControl):
                vars(callback).update(vars(type(callback).from_state(states.pop(0))))

    def _load_rng_state(self: Any, checkpoint: str | None) -> None:
        """Let random numbers go on as in a checkpoint, where it holds those of this process."""
        state = None if checkpoint is None else self.random_numbers_in(Path(checkpoint))
        if state is not None:
            set_random_state(state)

    def random_numbers_in(self: Any, checkpoint: Path) -> dict[str, Any] | None:
        """The state of random numbers of this process; None, with a warning, where there is none for it."""
        path = checkpoint / random_name(self.args.process_index, self.args.world_size)
        if not path.is_file():
            warn_once(
                "no-random-state", f"{checkpoint} holds no {path.name}: random numbers will be others than without a stop"
            )
            return None
        state: dict[str, Any] = read_state(path)
        check_random(path, state)
        return state

    def _load_best_model(self: Any) -> None:
        """Put the weights of the best checkpoint into the model."""
        best = self.state.best_model_checkpoint
        if best is None or not Path(best).is_dir():
            warn_once("no-best", f"the best checkpoint, {best}, is not there: the weights stay those of the last update")
            return
        to_average(self.optimizer)
        self._load_from_checkpoint(best)


def load_weights(model: Any, folder: Path) -> Any:
    """Put the weights that `Trainer.save_model` wrote into a model of the same form.

    Returns:
        The `missing_keys` and `unexpected_keys`; None for an adapter.

    Raises:
        LoadError: they are of other shapes, or hold NaN.
    """
    if (folder / "adapter_config.json").is_file() and hasattr(model, "load_adapter"):
        model.load_adapter(str(folder), model.active_adapter, is_trainable=True)
        return None
    if hasattr(model, "config") and hasattr(type(model), "from_pretrained"):
        with as_itself(model), every_process_reads():
            state = type(model).from_pretrained(str(folder), dtype=torch.float32).state_dict()
    else:
        stored = Checkpoint.open(folder)
        state = {name: stored.tensor(name) for name in stored.keys}
    if damaged := [name for name, each in state.items() if each.is_floating_point() and each.isnan().any()]:
        raise LoadError(f"{folder} holds NaN in {', '.join(damaged[:5])}; go on from an earlier checkpoint")
    # What is tied is stored once, under one of its names.
    known = {id(each): name for name, each in model.state_dict(keep_vars=True).items() if name in state}
    ties = {name: known[id(each)] for name, each in model.state_dict(keep_vars=True).items() if id(each) in known}
    try:
        complete = {name: state[source] for name, source in ties.items()} | state
        if is_sharded(model):
            current = model.state_dict()
            complete = {name: part_of(value, current.get(name)) for name, value in complete.items()}
        return model.load_state_dict(complete, strict=False)
    except RuntimeError as error:
        raise LoadError(f"{folder} holds weights of other shapes than {type(model).__name__}: {error}") from error


def _take_state(
    part: Any, path: Path, change: Callable[[Any, Any], Any] | None = None, names: Mapping[int, str] | None = None
) -> None:
    """Give an optimizer or a schedule the state in a file, changed by a function of (state, part) if there is one.

    Args:
        names: of an optimizer's parameters, by `id`.

    Raises:
        CorruptFile: it is damaged. LoadError: it is of another kind.
    """
    stored = read_state(path)
    choices = set(getattr(part, "defaults", ())) - {"differentiable"}  # which loading adds
    try:
        check_fits(part, stored, names or {})
        take_stored(part, stored if change is None else change(stored, part))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise LoadError(f"{path} does not fit the {type(part).__name__} of this training: {error}") from error
    # An optimizer fills in what its earlier releases did not save; what is missing then was never its own.
    if any(choices - set(group) for group in getattr(part, "param_groups", ())):
        raise LoadError(
            f"{path} is of another kind of optimizer than {type(part).__name__}; go on with the optim it was saved with"
        )
