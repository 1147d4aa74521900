"""What a training takes: steps of it, followed without contents."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from .shape_run import ShapeRun
from .skeletons import weight_bytes

# Bytes of optimizer state for each number that is trained, where its step cannot be followed; the first word in its name tells.
_STATE = {"schedule_free_sgd": 4, "sgd": 0, "adafactor": 0, "adagrad": 4, "rmsprop": 4, "adalomo": 0, "lomo": 0, "lion": 4}


@dataclass(frozen=True)
class TrainingNeed:
    """Bytes on the device of each process.

    Fields:
        optimizer: what it keeps from one update to the next.
        activations: all else at the highest moment, which is in the backward pass or in the update; None where contents decide
            about what is computed, so that it cannot be found. workspace: what the matrix kernels of a CPU hold.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int | None
    workspace: int = 0

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.gradients + self.optimizer + (self.activations or 0) + self.workspace


def training_need(
    make: Callable[[], Any],
    step: Callable[[Any, Any], Any],
    batch: Mapping[str, Any],
    optimizer_of: Callable[[Any], Any],
    *,
    optimizer_name: str = "adamw",
    device: torch.device | str = "cpu",
    autocast: torch.dtype | None = None,
    accumulated: int = 1,
    clips: bool = True,
) -> TrainingNeed:
    """What a training takes whose batches are all like `batch`.

    Args:
        make: makes the model, in training mode, on the device "meta". step: of the model and a batch, returns the loss or
            what holds it. optimizer_of: makes the optimizer of the model.
        optimizer_name: tells the size of its state where its step cannot be followed.
        autocast: the 16-bit type of mixed precision. accumulated: batches of an update. clips: gradients are clipped.
    """
    # Some models look at a mask whose contents are not there; without one nothing else is computed.
    for left_out in ((), ("attention_mask",)):
        inputs = {name: value for name, value in batch.items() if name not in left_out}
        for with_update in (True, False):
            model = make()
            run = ShapeRun(device)
            with suppress(Exception):
                run.lay_out(model)
                optimizer = optimizer_of(model) if with_update else None
                return _followed(model, run, step, inputs, optimizer, optimizer_name, autocast, accumulated, clips)
    model = make()
    return TrainingNeed(weight_bytes(model), _trained(model), _state(model, optimizer_name), None)


def _followed(
    model: Any, run: ShapeRun, step: Any, batch: Any, optimizer: Any, name: str, autocast: Any, accumulated: int, clips: bool
) -> TrainingNeed:
    state = 0 if optimizer is not None else _state(model, name)
    kind = torch.device(run.device).type
    with run:
        for _ in range(2):  # from the second update on, the optimizer's state is there
            for _ in range(min(2, accumulated)):
                with torch.autocast(kind, autocast or torch.bfloat16, enabled=autocast is not None):
                    loss = _loss(step(model, batch))
                loss.backward()
                del loss
            if clips:
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            gradients = sum(each.grad.nbytes for each in model.parameters() if each.grad is not None)
            if optimizer is not None:
                optimizer.step()
            model.zero_grad()
            if optimizer is not None:
                state = _kept(optimizer)
    most = run.live.most + (0 if optimizer is not None else state)
    return TrainingNeed(weight_bytes(model), gradients, state, max(0, most - gradients - state), run.workspace)


def _loss(result: Any) -> Tensor:
    loss: Any = result["loss"] if hasattr(result, "keys") else result
    if isinstance(loss, tuple | list):
        loss = loss[0]
    return loss.mean()  # type: ignore[no-any-return]


def _kept(optimizer: Any) -> int:
    kept = [each for each in tree_leaves([*optimizer.state.values()]) if isinstance(each, Tensor)]
    return sum({each.untyped_storage()._cdata: each.untyped_storage().nbytes() for each in kept}.values())


def _trained(model: Any) -> int:
    return sum(each.nbytes for each in model.parameters() if each.requires_grad)


def _state(model: Any, optimizer: str) -> int:
    kept = next((size for word, size in _STATE.items() if word in optimizer), 8)
    numbers = sum(each.numel() for each in model.parameters() if each.requires_grad)
    return int(kept * numbers // (4 if "8bit" in optimizer else 1))
