"""Masks as models of others build them (`transformers.masking_utils`): from a config, a padding mask and a cache."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import ArgumentError, ConfigError
from ..nn.registered import MASKS
from ..nn.values import is_true, may_look
from .mask_functions import (
    MaskFunction,
    and_masks,
    bidirectional_mask_function,
    blockwise_overlay,
    by_position,
    causal_mask_function,
    chunked_causal_mask_function,
    find_packed_sequence_indices,
    or_masks,
    packed_sequence_mask_function,
    padding_mask_function,
    sliding_window_bidirectional_mask_function,
    sliding_window_causal_mask_function,
)


def prepare_padding_mask(attention_mask: Tensor | None, kv_length: int, kv_offset: int) -> Tensor | None:
    """`attention_mask` (B, seen) longer where it ends before the last key: (B, kv_offset + kv_length or more)."""
    if attention_mask is None:
        return None
    missing = kv_length + kv_offset - attention_mask.shape[-1]
    return F.pad(attention_mask, (0, missing)) if missing > 0 else attention_mask


def _hides_nothing(padding: Tensor | None) -> bool:
    return padding is None or (may_look(padding) and is_true(padding.all()))


def sdpa_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int = 0,
    kv_offset: int = 0,
    mask_function: MaskFunction = causal_mask_function,
    attention_mask: Tensor | None = None,
    local_size: int | None = None,
    allow_is_causal_skip: bool = True,
    allow_is_bidirectional_skip: bool = False,
    device: torch.device | str = "cpu",
    **kwargs: Any,
) -> Tensor | None:
    """(B, 1, T, S), True where a query may look; None where scaled dot product attention needs no mask.

    Args:
        q_offset, kv_offset: number of the first query and of the first key. attention_mask: (B, seen), False for padding.
        local_size: window or chunk of the mask function. allow_is_causal_skip, allow_is_bidirectional_skip: None is an answer.
    """
    padding = prepare_padding_mask(attention_mask, kv_length, kv_offset)
    real = None if padding is None else padding[:, kv_offset : kv_offset + kv_length]
    first = q_offset - kv_offset
    if local_size is None or kv_length < local_size:
        # The kernel itself hides what lies ahead, counted from the first key, and a single query may see all keys.
        triangle = first == 0 and (q_length > 1 or kv_length == 1)
        if allow_is_causal_skip and triangle and _hides_nothing(None if real is None else real[:, :q_length]):
            if real is None or not is_true(real[:, q_length:].any()):  # no key ahead of the text, slots of a cache apart
                return None
        whole = (allow_is_causal_skip and q_length == 1) or allow_is_bidirectional_skip
        if whole and _hides_nothing(real):
            return None
    function = mask_function if padding is None else and_masks(mask_function, padding_mask_function(padding))
    rows = torch.arange(batch_size, device=device)[:, None, None, None]
    heads = torch.zeros((1, 1, 1, 1), dtype=torch.int64, device=device)
    queries = (torch.arange(q_length, device=device) + q_offset)[None, None, :, None]
    keys = (torch.arange(kv_length, device=device) + kv_offset)[None, None, None, :]
    return torch.as_tensor(function(rows, heads, queries, keys)).expand(batch_size, -1, q_length, kv_length)


def eager_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int = 0,
    kv_offset: int = 0,
    mask_function: MaskFunction = causal_mask_function,
    attention_mask: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    allow_is_bidirectional_skip: bool = False,
    device: torch.device | str = "cpu",
    **kwargs: Any,
) -> Tensor | None:
    """The mask of `sdpa_mask` as numbers to add to scores: 0 where a query may look, else the least of `dtype`."""
    kwargs["allow_is_causal_skip"] = False
    allowed = sdpa_mask(
        batch_size,
        q_length,
        kv_length,
        q_offset,
        kv_offset,
        mask_function,
        attention_mask,
        allow_is_bidirectional_skip=allow_is_bidirectional_skip,
        device=device,
        **kwargs,
    )
    if allowed is None:
        return None
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill(~allowed, torch.finfo(dtype).min)


def flash_attention_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int = 0,
    kv_offset: int = 0,
    mask_function: MaskFunction = causal_mask_function,
    attention_mask: Tensor | None = None,
    **kwargs: Any,
) -> Tensor | None:
    """The padding mask of the keys (B, S), which is all that flash attention takes; None where there is no padding."""
    if attention_mask is None:
        return None
    padding = attention_mask[:, -kv_length:]
    return None if _hides_nothing(padding) else padding


class AttentionMaskInterface(dict[str, Callable[..., Any]]):
    """attn_implementation -> the function that makes its masks."""

    def __init__(self) -> None:
        super().__init__(eager=eager_mask, sdpa=sdpa_mask, flash_attention_2=flash_attention_mask)

    @classmethod
    def register(cls, key: str, value: Callable[..., Any]) -> None:
        """Let `value` make the masks for models with `attn_implementation=key`."""
        ALL_MASK_ATTENTION_FUNCTIONS[key] = value

    def __setitem__(self, key: str, value: Callable[..., Any]) -> None:
        super().__setitem__(key, value)
        if self is ALL_MASK_ATTENTION_FUNCTIONS:
            MASKS[key] = value

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        if self is ALL_MASK_ATTENTION_FUNCTIONS:
            MASKS.pop(key, None)

    def valid_keys(self) -> list[str]:
        """The implementations that have a function here."""
        return list(self)


ALL_MASK_ATTENTION_FUNCTIONS = AttentionMaskInterface()


def _check(config: Any, inputs_embeds: Any) -> None:
    """Refuse what is no config and what are no embeddings, before anything is read from them.

    Raises:
        ArgumentError: says which, and what is expected.
    """
    if not hasattr(config, "_attn_implementation"):  # a config of any library
        raise ArgumentError(f"masks are made for the config of a model; found {config!r:.80}. Pass config=model.config")
    if not isinstance(inputs_embeds, Tensor) or inputs_embeds.dim() < 2:
        shape = tuple(inputs_embeds.shape) if isinstance(inputs_embeds, Tensor) else repr(inputs_embeds)[:80]
        raise ArgumentError(f"inputs_embeds is {shape}; expected a tensor (rows, tokens, width), whose sizes the mask takes")


def _make(
    config: Any,
    inputs_embeds: Tensor,
    attention_mask: Any,
    past_key_values: Any,
    layer_idx: int,
    function: MaskFunction,
    keys: int | None = None,
    **options: Any,
) -> Any:
    """The mask in the form that the implementation in `config` takes; arrays and masks of its own kind stay as they are."""
    if attention_mask is not None and not (isinstance(attention_mask, Tensor) and attention_mask.dim() == 2):
        return attention_mask
    name = config._attn_implementation or "eager"
    if name not in ALL_MASK_ATTENTION_FUNCTIONS:
        raise ArgumentError(
            f"no masks are made for attn_implementation {name!r:.80}; use one of {', '.join(ALL_MASK_ATTENTION_FUNCTIONS)}, or"
            " register a function for it: AttentionMaskInterface.register(name, function)"
        )
    batch, length = inputs_embeds.shape[:2]
    seen, offset = 0, 0
    if attention_mask is not None:
        attention_mask = attention_mask.to(device=inputs_embeds.device, dtype=torch.bool)
    if past_key_values is not None:
        seen = past_key_values.get_seq_length(layer_idx)
        keys, offset = past_key_values.get_mask_sizes(length, layer_idx)
    elif attention_mask is not None:  # keys without a cache may be more than the queries, as with prefixes that are learned
        keys = attention_mask.shape[-1]
    return ALL_MASK_ATTENTION_FUNCTIONS[name](
        batch_size=batch,
        q_length=length,
        kv_length=length if keys is None else keys,
        q_offset=seen,
        kv_offset=offset,
        mask_function=function,
        attention_mask=attention_mask,
        dtype=inputs_embeds.dtype,
        device=inputs_embeds.device,
        config=config,
        **options,
    )


def _altered(
    function: MaskFunction, or_mask_function: MaskFunction | None, and_mask_function: MaskFunction | None
) -> MaskFunction:
    """`function` with where a query may look besides, then only."""
    if or_mask_function is not None:
        function = or_masks(function, or_mask_function)
    return function if and_mask_function is None else and_masks(function, and_mask_function)


def _of(config: Any, field: str) -> int:
    size = getattr(config, field, None)  # a config of any library
    if size is None:
        raise ConfigError(f"{type(config).__name__} has no {field}, which this mask needs; set it in the config")
    return int(size)


def _full(config: Any, attention_mask: Any, rows: Tensor) -> tuple[MaskFunction, int | None]:
    return causal_mask_function, None


def _sliding(config: Any, attention_mask: Any, rows: Tensor) -> tuple[MaskFunction, int | None]:
    window = _of(config, "sliding_window")
    return sliding_window_causal_mask_function(window), window


def _chunked(config: Any, attention_mask: Any, rows: Tensor) -> tuple[MaskFunction, int | None]:
    size = _of(config, "attention_chunk_size")
    if isinstance(attention_mask, Tensor) and attention_mask.dim() == 2:
        left_padding = (attention_mask.cumsum(-1) == 0).sum(-1)
    else:
        left_padding = torch.zeros(rows.shape[0], dtype=torch.int64, device=rows.device)
    return chunked_causal_mask_function(size, left_padding), size


def _causal(name: str, kind: Callable[[Any, Any, Tensor], tuple[MaskFunction, int | None]]) -> Callable[..., Any]:
    """`create_causal_mask` or one of its relatives, which differ in what a query sees of the past."""

    def create(
        config: Any,
        inputs_embeds: Tensor,
        attention_mask: Tensor | None,
        past_key_values: Any,
        position_ids: Tensor | None = None,
        or_mask_function: MaskFunction | None = None,
        and_mask_function: MaskFunction | None = None,
        block_sequence_ids: Tensor | None = None,
        layer_idx: int | None = None,
        allow_is_causal_skip: bool = True,
    ) -> Any:
        """The mask of causal layers, in the form that `config`'s attention implementation takes.

        Args:
            inputs_embeds: (B, T, D), for sizes, dtype and device. attention_mask: (B, seen + T), 0 for padding; one of 4
                dimensions is the answer itself. past_key_values: the cache, or None.
            position_ids: (B, T); where they begin anew, and there is neither mask nor cache, another text begins.
            or_mask_function, and_mask_function: where a query may look besides, or only.
            block_sequence_ids: (B, S), numbers of blocks whose tokens all see each other, -1 outside.
            layer_idx: the layer whose keys are asked of the cache; by default the first with or without a window, as this is.
            allow_is_causal_skip: answer None where the kernel can do without a mask.
        """
        _check(config, inputs_embeds)
        if kind is not _chunked and getattr(config, "is_causal", True) is False:  # of any library; the layers look both ways
            both_ways = create_bidirectional_mask if kind is _full else create_bidirectional_sliding_window_mask
            further = {"or_mask_function": or_mask_function, "and_mask_function": and_mask_function}
            return both_ways(config, inputs_embeds, attention_mask, past_key_values=past_key_values, **further)
        function, size = kind(config, attention_mask, inputs_embeds)
        function = _altered(function, or_mask_function, and_mask_function)
        allow_is_causal_skip = allow_is_causal_skip and or_mask_function is None and and_mask_function is None
        if kind is _chunked and config._attn_implementation == "flash_attention_2":
            raise ArgumentError("flash_attention_2 knows no chunks of attention; use attn_implementation='sdpa' or 'eager'")
        if inputs_embeds.shape[1] == 1 and past_key_values is not None and past_key_values.is_compileable:
            allow_is_causal_skip = False  # slots that nothing was written to are hidden
        windows = [] if past_key_values is None else list(past_key_values.is_sliding)
        first = windows.index(size is not None) if (size is not None) in windows else 0
        if attention_mask is None and past_key_values is None and position_ids is not None:
            texts = find_packed_sequence_indices(position_ids.expand(inputs_embeds.shape[0], -1))
            if texts is not None:  # windows and chunks of a text begin where it does
                function = and_masks(by_position(function, position_ids), packed_sequence_mask_function(texts))
                allow_is_causal_skip = False
        if block_sequence_ids is not None:
            function, allow_is_causal_skip = or_masks(function, blockwise_overlay(block_sequence_ids)), False
        return _make(
            config,
            inputs_embeds,
            attention_mask,
            past_key_values,
            first if layer_idx is None else layer_idx,
            function,
            local_size=size,
            allow_is_causal_skip=allow_is_causal_skip,
        )

    create.__name__ = create.__qualname__ = name
    return create


create_causal_mask = _causal("create_causal_mask", _full)
create_sliding_window_causal_mask = _causal("create_sliding_window_causal_mask", _sliding)
create_chunked_causal_mask = _causal("create_chunked_causal_mask", _chunked)
LAYER_PATTERN_TO_MASK_FUNCTION_MAPPING = {
    "full_attention": create_causal_mask,
    "sliding_attention": create_sliding_window_causal_mask,
    "chunked_attention": create_chunked_causal_mask,
}


def _bidirectional(name: str, windowed: bool) -> Callable[..., Any]:
    """`create_bidirectional_mask`, or the same with a window."""

    def create(
        config: Any,
        inputs_embeds: Tensor,
        attention_mask: Tensor | None,
        encoder_hidden_states: Tensor | None = None,
        past_key_values: Any = None,
        or_mask_function: MaskFunction | None = None,
        and_mask_function: MaskFunction | None = None,
        allow_is_bidirectional_skip: bool = True,
    ) -> Any:
        """The mask of layers that look both ways, in the form that `config`'s attention implementation takes.

        Args:
            inputs_embeds: (B, T, D), the queries. encoder_hidden_states: (B, S, D), the keys, where they are others.
            attention_mask: (B, S), 0 for padding. past_key_values: without meaning here, where all keys are in the call.
            or_mask_function, and_mask_function: where a query may look besides, or only.
            allow_is_bidirectional_skip: answer None where nothing is hidden.
        """
        _check(config, inputs_embeds)
        window = _of(config, "sliding_window") if windowed else None
        keys = inputs_embeds.shape[1] if encoder_hidden_states is None else encoder_hidden_states.shape[1]
        function = bidirectional_mask_function if window is None else sliding_window_bidirectional_mask_function(window)
        altered = or_mask_function is not None or and_mask_function is not None
        return _make(
            config,
            inputs_embeds,
            attention_mask,
            None,
            0,
            _altered(function, or_mask_function, and_mask_function),
            keys,
            local_size=window,
            allow_is_causal_skip=False,
            allow_is_bidirectional_skip=allow_is_bidirectional_skip and not altered,
        )

    create.__name__ = create.__qualname__ = name
    return create


create_bidirectional_mask = _bidirectional("create_bidirectional_mask", windowed=False)
create_bidirectional_sliding_window_mask = _bidirectional("create_bidirectional_sliding_window_mask", windowed=True)


def create_masks_for_generate(
    config: Any,
    inputs_embeds: Tensor,
    attention_mask: Tensor | None,
    past_key_values: Any,
    position_ids: Tensor | None = None,
    or_mask_function: MaskFunction | None = None,
    and_mask_function: MaskFunction | None = None,
    block_sequence_ids: Tensor | None = None,
    **kwargs: Any,
) -> Any:
    """The causal mask of a decoder, or, where its config names kinds of layers, one for each kind: {kind: mask}."""
    _check(config, inputs_embeds)
    config = config.get_text_config()
    options = {
        "position_ids": position_ids,
        "or_mask_function": or_mask_function,
        "and_mask_function": and_mask_function,
        "block_sequence_ids": block_sequence_ids,
    }
    inputs = (config, inputs_embeds, attention_mask, past_key_values)
    kinds = getattr(config, "layer_types", None)  # a config of any library
    if kinds is not None:
        makers = LAYER_PATTERN_TO_MASK_FUNCTION_MAPPING
        return {kind: makers[kind](*inputs, **options) for kind in dict.fromkeys(kinds) if kind in makers}
    if getattr(config, "sliding_window", None) is not None:
        return create_sliding_window_causal_mask(*inputs, **options)
    if getattr(config, "attention_chunk_size", None) is not None:
        return create_chunked_causal_mask(*inputs, **options)
    return create_causal_mask(*inputs, **options)
