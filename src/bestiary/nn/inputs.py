"""What is wrong with token ids, embeddings and masks, said in words before anything runs.

Types and shapes are always looked at, numbers only where they are at hand (`nn/values.py`): not on an accelerator.
"""

import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from .values import extremes, is_true, may_look

INTEGERS = (torch.int64, torch.int32)


def shown(value: Any) -> str:
    """What a value is, for an error: "of dtype and shape", or "a list"."""
    return f"of {value.dtype} and shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def check_ids(ids: Any, name: str = "input_ids", may_be_empty: bool = False) -> None:
    """Refuse what are no token ids (B, T), with at least one token unless they `may_be_empty`."""
    if not isinstance(ids, Tensor):
        raise InputError(f"{name} is a {type(ids).__name__}; expected a tensor (from a tokenizer: return_tensors='pt')")
    if ids.dtype not in INTEGERS:
        raise InputError(f"{name} is of {ids.dtype}; expected whole numbers of torch.int64 (ids.long())")
    if ids.dim() != 2 or (ids.shape[1] == 0 and not may_be_empty):
        ways = ["; for a single token: ids.view(1, 1)", "; for a single text: ids.unsqueeze(0)", ", at least one token", ""]
        way = ways[min(ids.dim(), 3)]
        raise InputError(f"{name} has shape {tuple(ids.shape)}; expected (batch, tokens){way}")


def check_vocabulary(ids: Tensor, size: int | None, name: str = "input_ids") -> None:
    """Refuse ids that a vocabulary of `size` tokens does not have; None where the size is not known."""
    bounds = extremes(ids)
    if bounds is None or size is None or 0 <= bounds[0] <= bounds[1] < size:
        return
    wrong = bounds[0] if bounds[0] < 0 else bounds[1]
    raise InputError(
        f"{name} holds the id {wrong}, outside of the vocabulary of {size} (0 to {size - 1});"
        " the tokenizer belongs to another model, or resize_token_embeddings was not called"
    )


def check_embeds(embeds: Any, table: nn.Module, dtype: torch.dtype, name: str = "inputs_embeds") -> None:
    """Refuse embeddings that are no numbers (B, T, D) as the `table` gives them."""
    width: Any = table.embedding_dim if isinstance(table, nn.Embedding) else "width"
    if not isinstance(embeds, Tensor):
        raise InputError(f"{name} is a {type(embeds).__name__}; expected a tensor (batch, tokens, {width})")
    if embeds.dim() != 3 or width not in ("width", embeds.shape[-1]) or 0 in embeds.shape:
        raise InputError(f"{name} has shape {tuple(embeds.shape)}; expected (batch, tokens, {width}), none of them 0")
    if not embeds.is_floating_point():
        raise InputError(f"{name} is of {embeds.dtype}; expected {dtype}; ids go in as input_ids")


def check_mask(mask: Any, rows: int, name: str = "attention_mask", beside: str = "input_ids") -> None:
    """Refuse a mask of other rows than `beside`, or, of two dimensions, of other numbers than 0 and 1."""
    if not isinstance(mask, Tensor):
        raise InputError(f"{name} is a {type(mask).__name__}; expected a tensor (batch, keys)")
    if mask.dim() > 1 and mask.shape[0] not in (1, rows):
        raise InputError(f"{name} has {mask.shape[0]} rows and {beside} {rows}; expected one for each")
    if mask.dim() == 2:
        check_zeros_and_ones(mask, name)


def check_zeros_and_ones(mask: Tensor, name: str = "attention_mask", wait: bool = False) -> None:
    """Refuse a mask of other numbers than 0 and 1; `wait` for the numbers where they are not at hand."""
    if mask.dtype == torch.bool or not (wait or may_look(mask)):
        return
    bounds = extremes(mask)
    if wait or mask.is_floating_point() or (bounds is not None and not 0 <= bounds[0] <= bounds[1] <= 1):
        other = (mask != 0) & (mask != 1)
        if bool(other.any()) if wait else is_true(other.any()):
            raise InputError(
                f"{name} holds {mask[other][0].item()}; expected 1 for real tokens and 0 for padding (only masks of 4"
                " dimensions are added to scores)"
            )


def check_companion(value: Any, name: str, shape: Sequence[int], beside: str = "input_ids") -> None:
    """Refuse numbers that go with each token (positions, segments) of another length than `beside` (`shape`), or below 0."""
    if not isinstance(value, Tensor) or value.dtype not in INTEGERS:
        kind = f"of {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise InputError(f"{name} are {kind}; expected a tensor of torch.int64")
    if value.shape[-1:] != shape[1:2]:
        raise InputError(f"{name} have shape {tuple(value.shape)} beside {beside} of {tuple(shape)}")
    bounds = extremes(value)
    if bounds is not None and bounds[0] < 0:
        raise InputError(f"{name} hold {bounds[0]}; they count from 0")


def check_hidden_padding(ids: Tensor, pad: int | None, others: Sequence[int | Sequence[int] | None]) -> None:
    """Refuse padding in `ids` (B, T) that no mask hides, where the token `pad` is none of the `others` too."""
    if pad is None or pad in others or not may_look(ids):
        return
    if is_true((ids == pad).any()):
        raise InputError(
            f"input_ids hold the padding token {pad}, and no attention_mask says which tokens are real; pass the"
            " tokenizer's attention_mask, or torch.ones_like(input_ids) to attend to padding on purpose"
        )


def one_of(ids: Tensor | None, embeds: Tensor | None, prefix: str = "") -> None:
    """Refuse both or neither of `input_ids` and `inputs_embeds`."""
    if (ids is None) == (embeds is None):
        raise InputError(f"pass either {prefix}input_ids or {prefix}inputs_embeds, and not both")


def forward_parameters(*kinds: type[nn.Module]) -> frozenset[str]:
    """Names of the arguments that the forward of a model takes; one that hands the rest on is followed by its backbone.

    Args:
        kinds: the class of the model, and that of its backbone.
    """
    return _parameters(*(kind.__dict__.get("forward") for each in kinds for kind in each.__mro__ if kind is not nn.Module))


@cache
def _parameters(*forwards: Any) -> frozenset[str]:
    names: set[str] = set()
    for forward in filter(None, forwards):
        parameters = inspect.signature(forward).parameters.values()
        names.update(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return frozenset(names - {"self"})
