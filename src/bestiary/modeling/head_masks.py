"""Attention heads switched off for one call (Michel et al. 2019), by hooks; no forward knows about it."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..nn.attention import Attend
from .recording import Stack

NAMES = ("head_mask", "decoder_head_mask", "cross_attn_head_mask")


@contextmanager
def heads_masked(model: nn.Module, stacks: Mapping[str, Stack], masks: Mapping[str, Any]) -> Iterator[None]:
    """Multiply what each head gives by its number in the mask (H,), the same in all layers, or (L, H), while the body runs.

    Args:
        masks: tensors or nested lists; `head_mask` for an encoder or a lone stack, `decoder_head_mask`, `cross_attn_head_mask`.

    Raises:
        ArgumentError: the model has no such attention. InputError: the mask has another shape.
    """
    attends: dict[str, list[Attend]] = {}
    for prefix, stack in stacks.items():
        for module in model.get_submodule(stack.layers).modules():
            if isinstance(module, Attend) and prefix in ("", "encoder_", "decoder_"):
                self_mask = "decoder_head_mask" if prefix == "decoder_" else "head_mask"
                attends.setdefault("cross_attn_head_mask" if module.cross else self_mask, []).append(module)
    handles = []
    try:
        for name, numbers in masks.items():
            mask = _as_tensor(name, numbers)
            modules = attends.get(name, [])
            if not modules:
                raise ArgumentError(
                    f"{name}: {type(model).__name__} has no such attention; it has {', '.join(attends) or 'none'}"
                )
            rows = mask.expand(len(modules), -1) if mask.dim() == 1 else mask
            if rows.dim() != 2 or len(rows) != len(modules):
                raise InputError(f"{name} has shape {tuple(mask.shape)}; expected (heads,) or ({len(modules)}, heads)")
            handles += [
                module.register_forward_hook(_scale(_without_pruned(row, module), name))
                for module, row in zip(modules, rows, strict=True)
            ]
        yield
    finally:
        for handle in handles:
            handle.remove()


def _as_tensor(name: str, mask: Any) -> Tensor:
    """A mask that came as a tensor or as nested lists of numbers.

    Raises:
        InputError: it is something else.
    """
    try:
        tensor = torch.tensor(mask) if isinstance(mask, Sequence) and not isinstance(mask, str | bytes) else mask
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} is no table of numbers ({error}); expected (heads,) or (layers, heads)") from error
    if not isinstance(tensor, Tensor):
        raise InputError(f"{name} is a {type(mask).__name__}; expected a tensor (heads,) or (layers, heads)")
    return tensor


def _without_pruned(row: Tensor, attend: Attend) -> Tensor:
    """The entries of a mask `row` (H,) for the heads that are left; a mask counts pruned heads too."""
    remaining = attend.kept_heads
    return row if remaining is None or len(row) <= remaining[-1] else row[list(remaining)]


def _scale(row: Tensor, name: str) -> Any:
    thread = threading.get_ident()

    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        if threading.get_ident() != thread:
            return None
        mixed = output[0] if isinstance(output, tuple) else output
        heads = mixed.shape[1] if mixed.dim() == 4 else 0  # there is attention without heads
        if heads != len(row):
            raise InputError(f"{name} has {len(row)} heads, the model has {heads}")
        factor = row.to(mixed)[:, None, None]
        return tuple(part * factor for part in output) if isinstance(output, tuple) else mixed * factor

    return hook
