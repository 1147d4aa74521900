"""The older makers of masks (`transformers.modeling_attn_mask_utils`): numbers to add to scores.

They are 0 where a query may look and the least number of their dtype elsewhere. Padding masks are (B, S) with 0 for padding;
results are (B, 1, T, S).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..nn.values import is_true, may_look


def _additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill(~allowed, torch.finfo(dtype).min)


def _allowed(queries: int, keys: int, window: int | None, device: torch.device | str) -> Tensor:
    """(T, S): up to a query's own key, which is S - T further on; a window counts the keys before that one."""
    key, query = torch.arange(keys, device=device), torch.arange(queries, device=device)[:, None] + keys - queries
    allowed = key <= query
    return allowed if window is None else allowed & (key >= query - window)


@dataclass
class AttentionMaskConverter:
    """Makes masks of 4 dimensions from those of 2.

    Attributes:
        is_causal: a query sees no later keys. sliding_window: nor any before the last so many and its own.
    """

    is_causal: bool
    sliding_window: int | None = None

    def __post_init__(self) -> None:
        if self.sliding_window is not None and self.sliding_window <= 0:
            raise ArgumentError(f"sliding_window is {self.sliding_window}; expected a number above 0, or None")

    def to_causal_4d(
        self,
        batch_size: int,
        query_length: int,
        key_value_length: int,
        dtype: torch.dtype,
        device: torch.device | str = "cpu",
    ) -> Tensor | None:
        """The causal mask; None where a single query sees everything.

        Raises:
            ArgumentError: the converter is not causal.
        """
        if not self.is_causal:
            raise ArgumentError("to_causal_4d makes causal masks; this converter was made with is_causal=False")
        if query_length == 1 and self.sliding_window is None:
            return None
        allowed = _allowed(query_length, key_value_length, self.sliding_window, device)
        return _additive(allowed, dtype).expand(batch_size, 1, -1, -1)

    def to_4d(
        self, attention_mask_2d: Tensor, query_length: int, dtype: torch.dtype, key_value_length: int | None = None
    ) -> Tensor:
        """The mask of padding and, for a causal converter, of what lies ahead.

        Args:
            key_value_length: S, which a causal converter asks for.
        """
        if self.sliding_window is not None and not self.is_causal:
            raise ArgumentError("a sliding window is made for causal masks only; this converter was made with is_causal=False")
        allowed = attention_mask_2d[:, None, None, :].bool().expand(-1, 1, query_length, -1)
        if self.is_causal and (query_length > 1 or self.sliding_window is not None):
            if key_value_length is None:
                raise ArgumentError("a causal mask needs key_value_length, the number of keys")
            allowed = allowed & _allowed(query_length, key_value_length, self.sliding_window, allowed.device)
        return _additive(allowed, dtype)

    @staticmethod
    def _make_causal_mask(
        input_ids_shape: Sequence[int],
        dtype: torch.dtype,
        device: torch.device | str,
        past_key_values_length: int = 0,
        sliding_window: int | None = None,
    ) -> Tensor:
        batch, length = input_ids_shape
        allowed = _allowed(length, length + past_key_values_length, sliding_window, device)
        return _additive(allowed, dtype).expand(batch, 1, -1, -1)

    @staticmethod
    def _expand_mask(mask: Tensor, dtype: torch.dtype, tgt_len: int | None = None) -> Tensor:
        return _prepare_4d_attention_mask(mask, dtype, tgt_len)

    @staticmethod
    def _unmask_unattended(expanded_mask: Tensor, min_dtype: float) -> Tensor:
        """Let queries that see nothing see everything: fused kernels answer NaN for them otherwise."""
        return expanded_mask.masked_fill((expanded_mask == min_dtype).all(-1, keepdim=True), 0.0)

    @staticmethod
    def _ignore_causal_mask_sdpa(
        attention_mask: Tensor | None,
        inputs_embeds: Tensor,
        past_key_values_length: int,
        sliding_window: int | None = None,
        is_training: bool = False,
    ) -> bool:
        """Whether scaled dot product attention can do without a mask: it hides nothing but what lies ahead."""
        queries = inputs_embeds.shape[1]
        keys = queries + past_key_values_length
        if sliding_window is not None and keys >= sliding_window:
            return False
        if attention_mask is not None and (attention_mask.dim() == 4 or not _all(attention_mask)):
            return False
        return queries in (1, keys)


def _all(mask: Tensor) -> bool:
    return may_look(mask) and is_true((mask != 0).all())


def _prepare_4d_causal_attention_mask(
    attention_mask: Tensor | None,
    input_shape: Sequence[int],
    inputs_embeds: Tensor,
    past_key_values_length: int,
    sliding_window: int | None = None,
) -> Tensor | None:
    """The additive mask of a decoder.

    Args:
        attention_mask: (B, S), 0 for padding; (B, 1, T, S), 1 where a query may look; or None.
        input_shape: (B, T). inputs_embeds: for dtype and device.

    Raises:
        InputError: a mask of 4 dimensions of another shape.
    """
    batch, length = input_shape
    keys = length + past_key_values_length
    converter = AttentionMaskConverter(True, sliding_window)
    if attention_mask is None:
        return converter.to_causal_4d(batch, length, keys, inputs_embeds.dtype, inputs_embeds.device)
    if attention_mask.dim() == 4:
        if tuple(attention_mask.shape) != (batch, 1, length, keys):
            raise InputError(f"the mask has shape {tuple(attention_mask.shape)}; expected {(batch, 1, length, keys)}")
        return _additive(attention_mask.bool(), inputs_embeds.dtype)
    return converter.to_4d(attention_mask, length, inputs_embeds.dtype, keys)


def _prepare_4d_causal_attention_mask_for_sdpa(
    attention_mask: Tensor | None,
    input_shape: Sequence[int],
    inputs_embeds: Tensor,
    past_key_values_length: int,
    sliding_window: int | None = None,
) -> Tensor | None:
    """The same for scaled dot product attention: None where it needs none, and masks of 4 dimensions as they are.

    On a GPU, queries that see nothing see everything.
    """
    if attention_mask is not None and attention_mask.dim() == 4:
        return attention_mask
    if AttentionMaskConverter._ignore_causal_mask_sdpa(attention_mask, inputs_embeds, past_key_values_length, sliding_window):
        return None
    mask = _prepare_4d_causal_attention_mask(attention_mask, input_shape, inputs_embeds, past_key_values_length, sliding_window)
    if mask is None or attention_mask is None or mask.device.type not in ("cuda", "xpu"):
        return mask
    return AttentionMaskConverter._unmask_unattended(mask, torch.finfo(mask.dtype).min)


def _prepare_4d_attention_mask(mask: Tensor, dtype: torch.dtype, tgt_len: int | None = None) -> Tensor:
    """The additive mask (B, 1, `tgt_len` or S, S) of padding alone."""
    length = mask.shape[1] if tgt_len is None else tgt_len
    return _additive(mask[:, None, None, :].bool().expand(-1, 1, length, -1), dtype)


def _prepare_4d_attention_mask_for_sdpa(mask: Tensor, dtype: torch.dtype, tgt_len: int | None = None) -> Tensor | None:
    """The same, or None where nothing is padding."""
    return None if _all(mask) else _prepare_4d_attention_mask(mask, dtype, tgt_len)


def _create_4d_causal_attention_mask(
    input_shape: Sequence[int],
    dtype: torch.dtype,
    device: torch.device | str,
    past_key_values_length: int = 0,
    sliding_window: int | None = None,
) -> Tensor | None:
    """The causal mask for inputs of the shape (B, T)."""
    batch, length = input_shape
    keys = length + past_key_values_length
    return AttentionMaskConverter(True, sliding_window).to_causal_4d(batch, length, keys, dtype, device)
