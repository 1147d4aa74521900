"""Attention that users register under a name, as a kernel of this library: called as published models call it."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from .attention_keywords import attention_keywords
from .inputs import shown
from .kernels import Scoring
from .masks import Mask

# attn_implementation -> function of a module, queries (B, H, T, K), keys and values (B, G, S, K), a mask, and keywords, which
# gives the mixed values (B, T, H, K) and probabilities or None.
FUNCTIONS: dict[str, Callable[..., Any]] = {}
# attn_implementation -> what makes the mask that such a function gets; where there is none, it gets none.
MASKS: dict[str, Callable[..., Any]] = {}
# As a `Kernel`, but gives the probabilities (B, H, T, S), or None, beside the mixed values (B, H, T, K).
Replacement = Callable[[Tensor, Tensor, Tensor, Mask | None, Tensor | None, Scoring], tuple[Tensor, Tensor | None]]


def keywords_of(function: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """The names of what a function takes by name, and whether it takes any other too."""
    parameters = signature(function).parameters.values()
    return frozenset(each.name for each in parameters), any(each.kind is Parameter.VAR_KEYWORD for each in parameters)


def as_kernel(name: str, module: nn.Module, bias_apart: bool = False) -> Replacement | None:
    """The function registered as `name`, to be called with the attention `module`; None where there is none.

    bias_apart: whether it gets a bias as `position_bias`, as published attention of this kind hands it on; else in the mask.
    """
    function = FUNCTIONS.get(name)
    if function is None:
        return None
    names, takes_any = keywords_of(function)

    def replacement(
        query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Scoring
    ) -> tuple[Tensor, Tensor | None]:
        module.__dict__["is_causal"] = mask is not None and mask.causal  # such functions read it
        options: dict[str, Any] = {"dropout": scoring.dropout, "scaling": scoring.scaling}
        options |= {} if scoring.softcap is None else {"softcap": scoring.softcap}
        options |= {} if scoring.sinks is None else {"s_aux": scoring.sinks}
        options |= {} if mask is None or mask.window is None else {"sliding_window": mask.window}
        if bias_apart:
            options["position_bias"], bias = bias, None
        keywords = attention_keywords() or {}
        options |= {name: value for name, value in keywords.items() if name in names or takes_any}
        array = _added(mask, bias, query) if _has_numbers(mask, bias) else _made(name, mask, query)
        output = function(module, query, key, value, array, **options)
        mixed = _mixed(output, name, (len(query), query.shape[2], query.shape[1], value.shape[3]))
        return mixed.transpose(1, 2), output[1] if len(output) > 1 else None

    return replacement


def _mixed(output: Any, name: str, shape: tuple[int, ...]) -> Tensor:
    """The mixed values in what the function registered as `name` returned, which have this `shape`.

    Raises:
        InputError: it returned something else.
    """
    mixed = output[0] if isinstance(output, tuple | list) and output else None
    if not isinstance(mixed, Tensor) or not (torch.compiler.is_compiling() or mixed.shape == shape):
        raise InputError(
            f"the attention registered as {name!r:.60} returned {shown(output if mixed is None else mixed)}; expected a pair of"
            f" values of shape {shape} (batch, queries, heads, width), and probabilities or None"
        )
    return mixed


def _has_numbers(mask: Mask | None, bias: Tensor | None) -> bool:
    return bias is not None or (mask is not None and mask.additive is not None)


def _added(mask: Mask | None, bias: Tensor | None, query: Tensor) -> Tensor | None:
    """What is added to the scores: the mask's numbers and the bias."""
    numbers = None if mask is None else mask.bias(query.dtype)
    if bias is None or numbers is None:
        return numbers if bias is None else bias
    return numbers + bias


def _made(name: str, mask: Mask | None, query: Tensor) -> Any:
    """The mask as the function registered for `name` makes it."""
    make, allowed = MASKS.get(name), None if mask is None else mask.allowed()
    if make is None or mask is None:
        return None

    def allows(row: Tensor, head: Tensor, slot: Tensor, key: Tensor) -> Any:
        shape = row + head + slot + key
        if allowed is None:
            return shape >= 0
        full = allowed.expand(len(query), -1, mask.queries, mask.keys)
        return full[row, head.clamp(max=full.shape[1] - 1), slot - mask.first_query, key]

    plain = mask.dense is None and mask.texts is None and mask.window is None
    return make(
        batch_size=len(query),
        q_length=mask.queries,
        kv_length=mask.keys,
        q_offset=mask.first_query,
        kv_offset=0,
        mask_function=allows,
        attention_mask=mask.padding,
        allow_is_causal_skip=plain and mask.causal,
        allow_is_bidirectional_skip=plain and not mask.causal,
        dtype=query.dtype,
        device=query.device,
    )
