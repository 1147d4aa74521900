"""Parameters without a dimension, such as CLIP's `logit_scale`: every process holds them, beside what is shared out."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .weights import whole_of


def unshared(model: nn.Module) -> list[nn.Parameter]:
    """Parameters of a model whose weights are shared out that every process holds."""
    return [each for each in model.parameters() if each.requires_grad and not _is_part(each)]


def shorten_gradients(parameters: Sequence[Tensor], longest: float | None) -> float:
    """Shorten the gradient of all parameters, of which some may be shared out, to a norm; returns its norm before that."""
    kinds = [kind for kind in _kinds(parameters) if kind]
    if len(kinds) < 2:
        return float(whole_of(nn.utils.clip_grad_norm_(parameters, longest or math.inf)))
    norms = [float(whole_of(nn.utils.get_total_norm([each.grad for each in kind if each.grad is not None]))) for kind in kinds]
    norm = torch.tensor(math.hypot(*norms))
    for kind in kinds:
        device = kind[0].device
        nn.utils.clip_grads_with_norm_(kind, longest or math.inf, norm.to(device))
    return float(norm)


@contextmanager
def one_kind_at_a_time(optimizer: Any) -> Iterator[None]:
    """A context in which no group of an optimizer holds both kinds: those that update many at once take one kind only."""
    groups = getattr(optimizer, "param_groups", [])
    split = [(group, [kind for kind in _kinds(group["params"]) if kind]) for group in groups]
    if all(len(kinds) < 2 for _, kinds in split):
        yield
        return
    parts = [(group, [{**group, "params": kind} for kind in kinds] or [group]) for group, kinds in split]
    optimizer.param_groups = [part for _, each in parts for part in each]
    try:
        yield
    finally:
        for group, each in parts:  # with what the optimizer keeps in its groups
            group.update({name: value for name, value in each[0].items() if name != "params"})
        optimizer.param_groups = groups


def _kinds(parameters: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Those that are shared out, and those that are not."""
    return [each for each in parameters if _is_part(each)], [each for each in parameters if not _is_part(each)]


def _is_part(tensor: Tensor) -> bool:
    return hasattr(tensor, "full_tensor")
