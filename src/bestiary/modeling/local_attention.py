"""Attention of tokens to their neighbours and to a few global tokens, which see all and are seen by all (Beltagy et al. 2020,
Longformer). Memory and time grow with the length of a text, not with its square."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ..core.errors import ConfigError, InputError
from ..nn.attention import Attend, HasHeads, merge_heads, split_heads
from ..nn.inputs import check_companion, check_mask
from ..nn.kernels import default_scaling
from ..nn.masks import Mask
from ..nn.token_blocks import in_blocks, joined, with_neighbours


def windows_of(config: Any) -> list[int]:
    """The windows of all layers, both sides together, from `config.attention_window`: one number for all or one for each.

    Raises:
        ConfigError: another number of windows than of layers, or one that does not cut into two sides of whole tokens.
    """
    windows, layers = config.attention_window, config.num_hidden_layers
    windows = [windows] * layers if isinstance(windows, int) else list(windows)
    if len(windows) != layers or any(window < 2 or window % 2 for window in windows):
        raise ConfigError(
            f"attention_window is {config.attention_window}; expected an even number of tokens, or one for each of the"
            f" {layers} layers"
        )
    return windows


@dataclass
class LocalMask(Mask):
    """Which tokens are real and which are global, for attention over S slots: T of a text, filled up to whole windows.

    Attributes:
        length: T. real: (B, S), False for padding. is_global: (B, S), None where no token is.
        slots: (B, G), where the global tokens of each row are. used: (B, G), False beyond the last of a row with fewer of them.
    """

    length: int = 0
    real: Tensor = field(default_factory=lambda: torch.ones(1, 0, dtype=torch.bool))
    is_global: Tensor | None = None
    slots: Tensor = field(default_factory=lambda: torch.zeros(1, 0, dtype=torch.long))
    used: Tensor = field(default_factory=lambda: torch.ones(1, 0, dtype=torch.bool))
    _blocks: dict[int, Mask] = field(default_factory=dict, repr=False, compare=False)

    def blocks(self, size: int) -> Mask:
        """What a block of `size` tokens may look at, (B * S / size, 1, size, G + 3 * size): the global tokens, then the block
        before, itself, and the one behind it, of which each token sees `size` neighbours on either side. Computed once."""
        if size not in self._blocks:
            near = self.real if self.is_global is None else self.real & ~self.is_global
            near = pad(near, (size, size)).unfold(1, 3 * size, size).flatten(0, 1)
            steps = torch.arange(3 * size, device=self.device) - torch.arange(size, device=self.device)[:, None]
            dense = near[:, None, None, :] & (steps >= 0) & (steps <= 2 * size)
            used = self.used.repeat_interleave(self.keys // size, dim=0)
            dense = torch.cat([used[:, None, None, :].expand(-1, -1, size, -1), dense], dim=-1)
            self._blocks[size] = Mask(size, dense.shape[-1], self.device, dense=dense)
        return self._blocks[size]

    def of_globals(self) -> Mask:
        """What the global tokens may look at: all real tokens, (B, 1, G, S)."""
        dense = (self.used[:, :, None] & self.real[:, None, :]).unsqueeze(1)
        return Mask(dense.shape[2], self.keys, self.device, dense=dense)

    def place(self, x: Tensor, of_globals: Tensor) -> Tensor:
        """`x` (B, H, S, K) with the rows (B, H, G, K) of the global tokens in their slots."""
        if self.is_global is None:
            return x
        order = (self.is_global.cumsum(1) - 1).clamp(min=0)[:, None, :, None]
        spread = of_globals.gather(2, order.expand(-1, *x.shape[1:2], -1, x.shape[3]))
        return torch.where(self.is_global[:, None, :, None], spread, x)


def local_mask(
    x: Tensor, attention_mask: Tensor | None, global_attention_mask: Tensor | None, windows: Sequence[int]
) -> LocalMask:
    """The mask of a text `x` (B, T, D); both masks are (B, T), not 0 for real and for global tokens.

    While a program is traced, which cannot depend on the number of global tokens, there is room for all to be global.

    Raises:
        InputError: masks of other shapes.
    """
    (batch, length), multiple = x.shape[:2], math.lcm(*windows)
    if attention_mask is not None and (attention_mask.dim() != 2 or attention_mask.shape[1] != length):
        raise InputError(
            f"attention_mask has shape {tuple(attention_mask.shape)}; expected ({batch}, {length}): what tokens see of each"
            " other follows from attention_window"
        )
    filled = (-length) % multiple
    real = x.new_ones(batch, length, dtype=torch.bool) if attention_mask is None else attention_mask != 0
    real = pad(real.expand(batch, -1), (0, filled))
    mask = LocalMask(length + filled, length + filled, x.device, length=length, real=real)
    mask.used, mask.slots = real[:, :0], real[:, :0].long()
    if global_attention_mask is not None:
        check_companion(global_attention_mask, "global_attention_mask", (batch, length))
        if global_attention_mask.dim() > 2:
            found = tuple(global_attention_mask.shape)
            raise InputError(f"global_attention_mask has shape {found}; expected (batch, tokens), ({batch}, {length})")
        check_mask(global_attention_mask, batch, "global_attention_mask")
        is_global = pad((global_attention_mask != 0).expand(batch, length), (0, filled)) & real
        counts = is_global.sum(1)
        most = _most(counts, length + filled)
        if most:
            mask.is_global = is_global
            mask.slots = is_global.long().argsort(dim=1, descending=True, stable=True)[:, :most]
            mask.used = torch.arange(most, device=x.device) < counts[:, None]
    return mask


def _most(counts: Tensor, limit: int) -> int:
    """The largest of `counts`; the `limit` where nobody knows it yet (tracing, meta and fake tensors, `vmap`)."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return limit
    try:
        return int(counts.max())
    except RuntimeError:
        return limit


class LocalAttend(Attend):
    """Softmax over the tokens at most `window` away and the global tokens; of these over all tokens.

    Recorded are, as published, the weights of each token (B, H, T, G + 2 * window + 1), for the global tokens, then for the
    neighbours in order, 0 for padding and for global tokens; and those of the global tokens (B, H, S, G).
    """

    def __init__(self, window: int, scaling: float, dropout: float = 0.0) -> None:
        super().__init__(scaling, dropout)
        self.window = window

    def forward(  # type: ignore[override]
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: LocalMask,
        of_globals: tuple[Tensor, Tensor, Tensor] | None = None,
        need_weights: bool = False,
    ) -> Any:
        """Queries, keys and values (B, H, S, K) -> (B, H, S, K), 0 for padding.

        of_globals: queries (B, H, G, K) of the global tokens, and keys and values (B, H, S, K) made for them.
        """
        size, batch = self.window, query.shape[0]
        key, value = (torch.cat([self._global(x, mask), with_neighbours(x, size)], dim=2) for x in (key, value))
        mixed: Any = super().forward(in_blocks(query, size), key, value, mask.blocks(size), need_weights=need_weights)
        mixed, *weights = mixed if need_weights else (mixed,)
        weights = [None if each is None else self._published(each, mask) for each in weights]
        mixed = joined(mixed, batch).masked_fill(~mask.real[:, None, :, None], 0.0)
        if of_globals is not None:
            seen: Any = super().forward(*of_globals, mask.of_globals(), need_weights=need_weights)
            seen, *of_seen = seen if need_weights else (seen,)
            mixed, weights = mask.place(mixed, seen), [*weights, *(None if each is None else each.mT for each in of_seen)]
        return (mixed, *weights) if need_weights else mixed

    def _global(self, x: Tensor, mask: LocalMask) -> Tensor:
        """(B, H, S, K) -> (B * S / size, H, G, K): those of the global tokens, for every block."""
        slots = mask.slots[:, None, :, None].expand(-1, x.shape[1], -1, x.shape[3])
        return x.gather(2, slots).repeat_interleave(mask.keys // self.window, dim=0)

    def _published(self, weights: Tensor, mask: LocalMask) -> Tensor:
        """Weights (B * S / size, H, size, G + 3 * size) as they are recorded, (B, H, T, G + 2 * size + 1)."""
        size, count = self.window, mask.slots.shape[1]
        steps = torch.arange(size, device=mask.device)[:, None] + torch.arange(2 * size + 1, device=mask.device)
        near = weights[..., count:].gather(-1, steps.expand(*weights.shape[:2], -1, -1))
        rows = joined(torch.cat([weights[..., :count], near], dim=-1), mask.real.shape[0])
        local = mask.real if mask.is_global is None else mask.real & ~mask.is_global
        published: Tensor = rows.masked_fill(~local[:, None, :, None], 0.0)[:, :, : mask.length]
        return published


class LocalSelfAttention(HasHeads):
    """Attention of a text to itself; global tokens have queries, and all tokens keys and values for them, of their own.

    Args:
        size: D. heads: H. window: how many neighbours a token sees, on both sides together.
    """

    query_name = "query"

    def __init__(self, size: int, heads: int, window: int, dropout: float) -> None:
        super().__init__()
        self.head_dim = size // heads
        self.query, self.key, self.value = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)
        self.query_global, self.key_global, self.value_global = (nn.Linear(size, size) for _ in range(3))
        self.attend = LocalAttend(window // 2, default_scaling(self.head_dim), dropout)

    def forward(self, x: Tensor, mask: LocalMask, cache: Any = None, **context: Any) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = pad(x, (0, 0, 0, mask.keys - mask.length))
        of_globals = None
        if mask.is_global is not None:
            seeing = x.gather(1, mask.slots.unsqueeze(-1).expand(-1, -1, x.shape[2]))
            projected = (self.query_global(seeing), self.key_global(x), self.value_global(x))
            of_globals = tuple(split_heads(states, self.head_dim) for states in projected)
        heads = (split_heads(states, self.head_dim) for states in (self.query(x), self.key(x), self.value(x)))
        return merge_heads(self.attend(*heads, mask, of_globals))[:, : mask.length]
