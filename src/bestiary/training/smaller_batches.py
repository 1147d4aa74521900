"""Steps of an evaluation whose batches are cut, since memory ran out."""

from typing import Any

import torch
from torch import Tensor, nn

from ..core.logging import get_logger
from .data import is_out_of_memory, parts_of
from .losses import count_of_items, rows_in, shifts_labels
from .memory_advice import advise
from .nested import joined_rows

logger = get_logger(__name__)


def predicted(trainer: Any, model: nn.Module, inputs: Any, loss_only: bool, ignore_keys: list[str] | None) -> Any:
    """`trainer.prediction_step` of a batch, of smaller parts of it where memory runs out and `auto_find_batch_size` is on.

    Returns:
        Loss, logits and labels, as of the whole batch: labels count the same, in whichever part they are.
    """
    while True:
        steps = _tried(trainer, model, inputs, loss_only, ignore_keys)
        if steps is not None:
            return steps[0][1] if len(steps) == 1 else _joined(steps)
        trainer.parts_in_evaluation *= 2
        logger.warning("Out of memory: each batch of evaluations is cut into %d", trainer.parts_in_evaluation)
        if trainer.args.n_gpu:
            torch.cuda.empty_cache()


def _tried(trainer: Any, model: nn.Module, inputs: Any, *how: Any) -> list[tuple[int, Any]] | None:
    """The steps of all parts, each with the labels in it that count; None where memory ran out and parts can be smaller."""
    count = trainer.parts_in_evaluation
    parts = parts_of(inputs, count) if count > 1 else [inputs]
    shifted = count > 1 and shifts_labels(trainer.model)
    try:
        return [(count_of_items(part, shifted), trainer.prediction_step(model, part, *how)) for part in parts]
    except Exception as error:
        if rows_in(inputs) <= count or not (trainer.args.auto_find_batch_size and is_out_of_memory(error)):
            if is_out_of_memory(error):
                advise(error, trainer, parts[0], training=False)
            raise
        return None


def _joined(steps: list[tuple[int, Any]]) -> tuple[Any, Any, Any]:
    losses, logits, labels = zip(*(step for _, step in steps), strict=True)
    loss: Tensor | None = losses[0]
    if loss is not None:
        # The mean over no label is NaN; it is that of the whole batch only where no part has a label.
        counted = [(number, each) for (number, _), each in zip(steps, losses, strict=True) if number]
        if counted:
            loss = sum(number * each for number, each in counted) / sum(number for number, _ in counted)
    return loss, joined_rows(list(logits)), joined_rows(list(labels))
