"""Mask functions (`transformers.masking_utils`): where a query may look, told by indices of rows, heads, queries and keys.

The indices broadcast to (B, 1, T, S). Queries and keys are counted from the first token a cache has seen.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from ..nn.masks import text_numbers

MaskFunction = Callable[[Any, Any, Any, Any], Any]


def causal_mask_function(batch_idx: Any, head_idx: Any, q_idx: Any, kv_idx: Any) -> Any:
    """A query sees the keys up to its own."""
    return kv_idx <= q_idx


def bidirectional_mask_function(batch_idx: Any, head_idx: Any, q_idx: Any, kv_idx: Any) -> Any:
    """A query sees every key."""
    return q_idx >= 0


def _check(functions: tuple[Any, ...]) -> None:
    """Refuse what cannot be called."""
    wrong = [function for function in functions if not callable(function)]
    if wrong or not functions:
        raise ArgumentError(f"masks are joined from {functions!r:.120}; expected functions of (batch, head, query, key)")


def and_masks(*mask_functions: MaskFunction) -> MaskFunction:
    """Where all of these functions allow it."""
    _check(mask_functions)

    def both(*indices: Any) -> Any:
        allowed = mask_functions[0](*indices)
        for function in mask_functions[1:]:
            allowed = allowed & function(*indices)
        return allowed

    return both


def or_masks(*mask_functions: MaskFunction) -> MaskFunction:
    """Where one of these functions allows it."""
    _check(mask_functions)

    def either(*indices: Any) -> Any:
        allowed = mask_functions[0](*indices)
        for function in mask_functions[1:]:
            allowed = allowed | function(*indices)
        return allowed

    return either


def _check_size(name: str, size: Any) -> None:
    """Refuse windows and chunks that are no number of tokens."""
    if not isinstance(size, int | Tensor):
        raise ArgumentError(f"{name} is {size!r:.80}; expected a number of tokens")


def sliding_window_overlay(sliding_window: int) -> MaskFunction:
    """No further back than `sliding_window` keys, the query's own among them."""
    _check_size("sliding_window", sliding_window)
    return lambda b, h, q, k: k > q - sliding_window


def sliding_window_causal_mask_function(sliding_window: int) -> MaskFunction:
    """The last `sliding_window` keys up to the query's own."""
    return and_masks(sliding_window_overlay(sliding_window), causal_mask_function)


def sliding_window_bidirectional_overlay(sliding_window: int) -> MaskFunction:
    """At most `sliding_window` keys away on either side."""
    _check_size("sliding_window", sliding_window)
    return lambda b, h, q, k: (q - k).abs() <= sliding_window


def sliding_window_bidirectional_mask_function(sliding_window: int) -> MaskFunction:
    """The same."""
    return sliding_window_bidirectional_overlay(sliding_window)


def chunked_overlay(chunk_size: int, left_padding: Tensor) -> MaskFunction:
    """Keys of the query's own chunk of `chunk_size` tokens, counted behind `left_padding` (B) tokens of padding."""
    _check_size("chunk_size", chunk_size)
    return lambda b, h, q, k: (k - left_padding[b]) // chunk_size == (q - left_padding[b]) // chunk_size


def chunked_causal_mask_function(chunk_size: int, left_padding: Tensor) -> MaskFunction:
    """The same, up to the query's own key."""
    return and_masks(chunked_overlay(chunk_size, left_padding), causal_mask_function)


def padding_mask_function(padding_mask: Tensor) -> MaskFunction:
    """Keys that are no padding: `padding_mask` is (B, S), True where they are real."""
    return lambda b, h, q, k: padding_mask[b, k]


def packed_sequence_mask_function(packed_sequence_mask: Tensor) -> MaskFunction:
    """Keys of the query's own text, where several lie behind each other: `packed_sequence_mask` (B, T) numbers them."""
    return lambda b, h, q, k: packed_sequence_mask[b, q] == packed_sequence_mask[b, k]


def by_position(mask_function: MaskFunction, position_ids: Tensor) -> MaskFunction:
    """`mask_function` of positions (B or 1, T) instead of places, where several texts lie behind each other."""

    def of_positions(b: Any, h: Any, q: Any, k: Any) -> Any:
        rows = b if position_ids.shape[0] > 1 else torch.zeros_like(b)
        return mask_function(b, h, position_ids[rows, q], position_ids[rows, k])

    return of_positions


def blockwise_overlay(block_sequence_ids: Tensor) -> MaskFunction:
    """Keys of the query's own block; `block_sequence_ids` (B, S) are the blocks' numbers, -1 outside of any."""

    def same_block(b: Any, h: Any, q: Any, k: Any) -> Any:
        block = block_sequence_ids[b, q]
        return (block == block_sequence_ids[b, k]) & (block >= 0)

    return same_block


def find_packed_sequence_indices(position_ids: Tensor) -> Tensor | None:
    """The number of the text that each token belongs to, where `position_ids` (B, T) begin anew; None where none does."""
    return text_numbers(position_ids)


def add_offsets_to_mask_function(mask_function: MaskFunction, q_offset: int, kv_offset: int) -> MaskFunction:
    """`mask_function` where the first query is the one of the number `q_offset`, and the first key that of `kv_offset`."""
    return lambda b, h, q, k: mask_function(b, h, q + q_offset, k + kv_offset)
