"""Checkpoints of which each process writes its part, in the format of `torch.distributed.checkpoint`.

The two folders are named as accelerate names them. Any number of processes reads them, one alone too.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch import nn

from ...core.errors import CorruptFile, LoadError, SaveError

MODEL_FOLDER = "pytorch_model_fsdp_0"
OPTIMIZER_FOLDER = "optimizer_0"


def holds_shards(checkpoint: Path) -> bool:
    """Whether a checkpoint's weights are in parts."""
    return (checkpoint / MODEL_FOLDER).is_dir()


def write_shards(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
    """Write the parts of all processes below `folder`; every process has to call it.

    Raises:
        SaveError: one of them could not write; in every process.
    """
    states = {MODEL_FOLDER: {"model": model.state_dict()}}
    if optimizer is not None:
        states[OPTIMIZER_FOLDER] = {"optimizer": _state_of(model, optimizer)}
    for name, state in states.items():
        _call("save", state, folder / name, SaveError, f"{folder / name} was not written")


def read_model(checkpoint: Path, model: nn.Module) -> None:
    """Put the weights of a checkpoint into a model, this process's part of them.

    Raises:
        LoadError: they are those of another model.
    """
    state = {"model": model.state_dict()}
    path = checkpoint / MODEL_FOLDER
    _call("load", state, path, LoadError, f"{path} does not fit the {type(model).__name__} of this training")
    model.load_state_dict(state["model"])


def read_optimizer(checkpoint: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put the state of a checkpoint into the model's optimizer, this process's part of it.

    Raises:
        LoadError: it is that of another optimizer.
    """
    from torch.distributed.checkpoint.state_dict import set_optimizer_state_dict

    state = {"optimizer": _state_of(model, optimizer)}
    path = checkpoint / OPTIMIZER_FOLDER
    _call("load", state, path, LoadError, f"{path} does not fit the {type(optimizer).__name__} of this training")
    set_optimizer_state_dict(model, optimizer, state["optimizer"])


def _state_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

    return get_optimizer_state_dict(model, optimizer)


def _call(name: str, state: dict[str, Any], path: Path, kind: type[Exception], message: str) -> None:
    from torch.distributed import checkpoint
    from torch.distributed.checkpoint.api import CheckpointException

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)  # one process is meant
            getattr(checkpoint, name)(state, checkpoint_id=str(path), no_dist=not dist.is_initialized())
    except CheckpointException as error:
        first = next(iter(error.failures.values()), (error,))[0]
        raise kind(f"{message}: {type(first).__name__}: {first}") from error
    except (OSError, EOFError, ValueError, RuntimeError) as error:
        wrong = CorruptFile if isinstance(error, EOFError) else kind
        raise wrong(f"{message}: {type(error).__name__}: {error}") from error
