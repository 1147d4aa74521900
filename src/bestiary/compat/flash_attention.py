"""Attention in the layout of flash-attn, (B, T, H, K), as models of others call it; computed by torch."""

from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError


def _flash_attention_forward(
    query_states: Tensor,
    key_states: Tensor,
    value_states: Tensor,
    attention_mask: Tensor | None,
    query_length: int,
    is_causal: bool,
    dropout: float = 0.0,
    position_ids: Tensor | None = None,
    softmax_scale: float | None = None,
    sliding_window: int | None = None,
    use_top_left_mask: bool = False,
    softcap: float | None = None,
    **kwargs: Any,
) -> Tensor:
    """Queries (B, T, H, K), keys and values (B, S, G, K) -> (B, T, H, K), zeros where a query is padding or sees nothing.

    Args:
        attention_mask: (B, S), 0 for padding. query_length: T. is_causal: queries, which stand at the end of the keys, see none
            behind theirs; with `use_top_left_mask` both are counted from the first.
        position_ids: (1, T); where they begin anew, and there is no mask, another text begins.
        dropout: rate, on probabilities. softmax_scale: of scores, by default 1 / sqrt(K). softcap: their bound.
        sliding_window: how far apart queries and keys may be, less one. kwargs: what chooses among kernels.

    Raises:
        ArgumentError: texts are told by their lengths (`cu_seq_lens_q`) or keys lie in blocks (`block_table`).
    """
    told = [name for name in ("cu_seq_lens_q", "cu_seq_lens_k", "block_table", "k_cache") if kwargs.get(name) is not None]
    if told:
        raise ArgumentError(f"_flash_attention_forward was given {', '.join(told)}; pass position_ids or an attention_mask")
    queries, keys = query_states.shape[1], key_states.shape[1]
    rows = torch.arange(queries, device=query_states.device)[:, None] + (0 if use_top_left_mask else keys - queries)
    distance = rows - torch.arange(keys, device=query_states.device)
    allowed = (distance >= 0) if is_causal and queries > 1 else torch.ones_like(distance, dtype=torch.bool)
    if sliding_window is not None and keys > sliding_window:
        allowed = allowed & (distance.abs() < sliding_window)
    allowed = allowed.expand(len(query_states), 1, -1, -1)
    if attention_mask is not None:
        real = attention_mask[:, -keys:].bool()
        allowed = allowed & real[:, None, None, :] & real[:, None, -queries:, None]
    elif position_ids is not None and len(query_states) == 1 and queries == keys:
        text = (position_ids == 0).cumsum(-1)
        allowed = allowed & (text[:, None, :, None] == text[:, None, None, :])
    query, key, value = (states.transpose(1, 2) for states in (query_states, key_states, value_states))
    key, value = (states.repeat_interleave(query.shape[1] // states.shape[1], dim=1) for states in (key, value))
    scores = query @ key.mT * (query.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale)
    scores = scores if not softcap else softcap * torch.tanh(scores / softcap)
    shares = scores.float().masked_fill(~allowed, -torch.inf).softmax(dim=-1).nan_to_num(0.0).to(query.dtype)
    return (torch.nn.functional.dropout(shares, dropout, dropout > 0) @ value).transpose(1, 2)


def _get_unpad_data(attention_mask: Tensor) -> tuple[Tensor, Tensor, int]:
    """Of a mask (B, S): where its ones are in the flattened batch, where each row's begin among them (B + 1), and the most."""
    lengths = attention_mask.sum(dim=-1, dtype=torch.int32)
    starts = torch.nn.functional.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
    return attention_mask.flatten().nonzero().flatten(), starts, int(lengths.max())


def _index_first_axis(tensor: Tensor, indices: Tensor) -> Tensor:
    """The entries `indices` of the first two dimensions taken as one."""
    return tensor.flatten(0, 1)[indices]


def _unpad_input(
    hidden_states: Tensor, attention_mask: Tensor, unused_mask: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, int, Tensor]:
    """States (B, S, ...) without padding (N, ...), and what `_get_unpad_data` gives, and the lengths of the rows.

    Args:
        unused_mask: (B, S), 1 at further places to keep, which the lengths do not count.
    """
    kept = attention_mask if unused_mask is None else attention_mask + unused_mask
    places, starts, most = _get_unpad_data(kept)
    lengths = attention_mask.sum(dim=-1, dtype=torch.int32)
    return _index_first_axis(hidden_states, places), places, starts, most, lengths


def _pad_input(hidden_states: Tensor, indices: Tensor, batch: int, seqlen: int) -> Tensor:
    """The inverse: states (N, ...) at their places in (B, S, ...), zeros elsewhere."""
    padded = hidden_states.new_zeros(batch * seqlen, *hidden_states.shape[1:])
    output: Tensor = padded.index_copy(0, indices, hidden_states).unflatten(0, (batch, seqlen))
    return output
