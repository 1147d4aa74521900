"""How losses of batches add up to that of an update: every label counts the same, however rows fell into batches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.outputs import ModelOutput

IGNORE = -100


class WatchedCount(Tensor):
    """A number of labels that remembers whether something was computed with it.

    A loss that is divided by it is a part of an update's loss; one that is not is a mean over its batch.
    """

    used = False

    @classmethod
    def of(cls, count: Tensor | float) -> "WatchedCount":
        """The number, watched."""
        return torch.as_tensor(count, dtype=torch.float32).as_subclass(cls)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Reading what a tensor is (its dtype, device, ...) goes through here as well and is no use of its number.
        if getattr(func, "__name__", "") not in ("__get__", "__repr__", "to", "type", "dim", "size"):
            for each in (*args, *(kwargs or {}).values()):
                if isinstance(each, WatchedCount):
                    each.used = True
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


def count_of_items(batch: Any, shifted: bool) -> int:
    """How many labels of a batch count; where it has none in a tensor, its rows.

    Args:
        shifted: the model compares what it says at a place with the label at the next, so that the first has no part.
    """
    labels = batch.get("labels") if isinstance(batch, Mapping) else None
    if not isinstance(labels, Tensor) or labels.dim() == 0:
        return rows_in(batch)
    if labels.is_floating_point():
        return labels.numel()
    if shifted and labels.dim() > 1:
        shift_labels = batch.get("shift_labels")
        labels = shift_labels if isinstance(shift_labels, Tensor) else labels[..., 1:]
    return int((labels != IGNORE).sum())


def rows_in(batch: Any) -> int:
    """The rows of a batch: the length of its first tensor, whatever it is nested in; 1 where there is none."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.dim() else 1
    values = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, list | tuple) else ()
    for value in values:
        if isinstance(value, Tensor) and value.dim():
            return len(value)
        if isinstance(value, Mapping | list | tuple) and value:
            return rows_in(value) if isinstance(value, Mapping) else len(value)
    return 1


def router_loss(model: Any, outputs: Any) -> Tensor | float:
    """What the routers of a mixture of experts add to the loss among a model's outputs; 0 where they add nothing."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    total: Tensor | float = 0.0
    config = getattr(inner, "config", None)
    for name in _ROUTER_PARTS if hasattr(outputs, "get") else ():
        weight = f"router_{name.removeprefix('encoder_').removeprefix('decoder_')}_coef"
        factor = getattr(inner, weight, getattr(config, weight, None))
        if isinstance(factor, int | float) and isinstance(part := outputs.get(name), Tensor):
            total = total + factor * part
    return total


_ROUTER_PARTS = ("aux_loss", "encoder_aux_loss", "decoder_aux_loss", "encoder_z_loss", "decoder_z_loss")


def shifts_labels(model: Any) -> bool:
    """Whether a model compares what it says at a place with the label at the next."""
    return getattr(model, "labels_are_shifted", getattr(model, "loss_type", None) == "ForCausalLM")


@dataclass
class LabelSmoother:
    """Cross-entropy against labels of which a share is spread evenly over all classes (Szegedy et al. 2016, section 7).

    epsilon: the share. ignore_index: the label of what does not count.
    """

    epsilon: float = 0.1
    ignore_index: int = -100

    def __call__(self, model_output: Any, labels: Tensor, shift_labels: bool = False) -> Tensor:
        """The mean over labels (B, T) or (B,) of the logits (..., V) in a model's output, or in its first place.

        shift_labels: the logits at a place are of the label at the next one.
        """
        logits = model_output["logits"] if isinstance(model_output, Mapping | ModelOutput) else model_output[0]
        if shift_labels:
            logits, labels = logits[..., :-1, :], labels[..., 1:]
        labels = labels.flatten()
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, -2).float(), labels, ignore_index=self.ignore_index, label_smoothing=self.epsilon
        )
