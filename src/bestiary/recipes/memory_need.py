"""How much memory a training step needs, found by making one with tensors that have shapes and no contents."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import torch

# Bytes of optimizer state for each number that is trained; the first word in the optimizer's name tells.
_STATE = {"schedule_free_sgd": 4, "sgd": 0, "adafactor": 0, "adagrad": 4, "rmsprop": 4, "adalomo": 0, "lomo": 0, "lion": 4}


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes on the device of each process.

    Fields:
        activations: what the backward pass of the largest batch needs; None where that cannot be found without contents.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int | None

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.gradients + self.optimizer + (self.activations or 0)


def memory_need(model: Any, activations: int | None, optimizer: str) -> MemoryNeed:
    """What a model takes while it is trained: weights and gradients in 4 bytes, and what the optimizer keeps."""
    numbers = sum(each.numel() for each in model.parameters())
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    kept = next((size for word, size in _STATE.items() if word in optimizer), 8)
    return MemoryNeed(4 * numbers, 4 * trained, kept * trained // (4 if "8bit" in optimizer else 1), activations)


def activations_of(make: Callable[[], Any], step: Callable[[Any, Any], Any], batch: Mapping[str, Any], args: Any) -> int | None:
    """Bytes that the forward pass of a batch keeps for the backward pass; None where contents decide about them.

    Counted are the tensors that autograd saves, what the model returns, and the largest of them once more, for its gradient.

    Args:
        make: makes the model, without contents. step: of the model and a batch, returns what the model does.
        args: precision and device.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    kind = torch.float16 if args.fp16 else torch.bfloat16
    device = args.device
    # First with the kernels that the device chooses. Some models look at a mask, whose contents are not there; without one
    # nothing else is computed. Others, with experts, can be followed on "meta" alone, which keeps all scores of attention.
    for place, left_out in ((device, ()), (device, ("attention_mask",)), (torch.device("meta"), ())):
        model = make()
        shapes = nullcontext() if place.type == "meta" else FakeTensorMode(allow_non_fake_inputs=True)
        with suppress(Exception), shapes:
            model.to_empty(device=place).train()
            if args.gradient_checkpointing:
                model.gradient_checkpointing_enable(args.gradient_checkpointing_kwargs)
            inputs = {name: _placed(value, place) for name, value in batch.items() if name not in left_out}
            with torch.autocast(device.type, kind, enabled=args.fp16 or args.bf16):
                return _kept(model, step, inputs)
    return None


def _placed(value: Any, device: torch.device) -> Any:
    return torch.empty_like(value, device=device) if isinstance(value, torch.Tensor) else value


def _kept(model: Any, step: Callable[[Any, Any], Any], inputs: dict[str, Any]) -> int:
    weights = {each.untyped_storage()._cdata for each in (*model.parameters(), *model.buffers())}
    held: dict[int, torch.Tensor] = {}  # tensors, so that no storage takes the place of one that was freed

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        place = tensor.untyped_storage()._cdata
        if place not in weights:
            held[place] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = step(model, inputs)
    for each in outputs.values() if isinstance(outputs, Mapping) else outputs:
        if isinstance(each, torch.Tensor):
            keep(each)
    sizes = [each.untyped_storage().nbytes() for each in held.values()]
    return sum(sizes) + max(sizes, default=0)
