"""Attention functions as models of others call them (`ALL_ATTENTION_FUNCTIONS`), over the kernels of `nn.kernels`.

Each is called with a module and queries (B, H, T, K), keys and values (B, G, S, K), and gives the mixed values (B, T, H, K)
and the probabilities (B, H, T, S), or None where the kernel has none.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, did_you_mean
from ..nn.kernels import KERNELS, Scoring, kernel, weights
from ..nn.masks import Mask
from ..nn.registered import FUNCTIONS

AttentionFunction = Callable[..., tuple[Tensor, Tensor | None]]


def _mask(array: Tensor | None, queries: int, keys: int, device: torch.device, causal: bool) -> Mask:
    """What a model of others calls a mask: an array that says everything, or None for the lower triangle, or for nothing."""
    mask = Mask(queries, keys, device, causal=causal and array is None and queries > 1)
    if array is not None:
        array = array[..., :keys]
        mask.dense, mask.additive = (array, None) if array.dtype == torch.bool else (None, array)
    return mask


def _settings(module: nn.Module, query: Tensor, dropout: float, scaling: float | None, softcap: float | None = None) -> Scoring:
    return Scoring(query.shape[-1] ** -0.5 if scaling is None else scaling, dropout, softcap)


def eager_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    position_bias: Tensor | None = None,
    **kwargs: Any,
) -> tuple[Tensor, Tensor]:
    """Matrix products written out; a mask of None hides nothing. Further keywords belong to other kernels.

    position_bias (B or 1, H, T, S): added to the scores.
    """
    mask = _mask(attention_mask, query.shape[2], key.shape[2], query.device, causal=False)
    scoring = _settings(module, query, dropout, scaling, softcap)
    probabilities = nn.functional.dropout(weights(query, key, mask, position_bias, scoring), dropout, training=module.training)
    mixed = probabilities @ value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
    return mixed.transpose(1, 2).contiguous(), probabilities


def _fused(name: str) -> AttentionFunction:
    """The kernel called `name` in this form."""

    def attention_forward(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        dropout: float = 0.0,
        scaling: float | None = None,
        is_causal: bool | None = None,
        softcap: float | None = None,
        position_bias: Tensor | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, None]:
        """A fused kernel; without a mask it is causal where `is_causal`, or the module's attribute, says so."""
        causal = getattr(module, "is_causal", True) if is_causal is None else is_causal  # any module
        mask = _mask(attention_mask, query.shape[2], key.shape[2], query.device, causal)
        mixed = kernel(name)(query, key, value, mask, position_bias, _settings(module, query, dropout, scaling, softcap))
        return mixed.transpose(1, 2).contiguous(), None

    return attention_forward


sdpa_attention_forward = _fused("sdpa")


class AttentionInterface(dict[str, AttentionFunction]):
    """attn_implementation -> the function that computes it; eager attention belongs to each model and is not listed."""

    def __init__(self) -> None:
        super().__init__({name: _fused(name) for name in KERNELS if name != "eager"})

    @classmethod
    def register(cls, key: str, value: AttentionFunction) -> None:
        """Let `value` compute the attention of models with `attn_implementation=key`, from when that is set or opened."""
        ALL_ATTENTION_FUNCTIONS[key] = value

    def __setitem__(self, key: str, value: AttentionFunction) -> None:
        if self is ALL_ATTENTION_FUNCTIONS and not (isinstance(key, str) and callable(value)):
            raise ArgumentError(f"attention is registered as a name and a function; found {key!r:.60} and {value!r:.60}")
        super().__setitem__(key, value)
        if self is ALL_ATTENTION_FUNCTIONS:
            FUNCTIONS[key] = value

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        if self is ALL_ATTENTION_FUNCTIONS:
            FUNCTIONS.pop(key, None)

    def get_interface(self, attn_implementation: str | None, default: AttentionFunction) -> AttentionFunction:
        """The function of this name; `default` for "eager" and None.

        Raises:
            ArgumentError: an unknown name.
        """
        if attn_implementation in (None, "eager"):
            return default
        if attn_implementation not in self:
            near = did_you_mean(str(attn_implementation), self)
            raise ArgumentError(f"no attention function {attn_implementation!r:.80}.{near} Known: eager, {', '.join(self)}")
        return self[attn_implementation]

    def valid_keys(self) -> list[str]:
        """The implementations that have a function here."""
        return list(self)


ALL_ATTENTION_FUNCTIONS = AttentionInterface()
