"""Logits of a row that do not change by a bit with the batch, with how a text is cut into passes, or with the cache.

Sums of floating-point numbers depend on their order, and fast kernels choose the order by the shape of the whole input. Here
every product is computed in tiles of one fixed shape, filled up with zeros, and tiles are added up from the first to the
last. A tile gives each of its rows the same result in any place beside any others (tested, not promised by the vendor of
the kernels), and adding a tile of zeros changes nothing.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ..core.errors import ConfigError

ROWS = 16  # rows of a tile of a product with weights, and queries of a tile of attention
KEYS = 32  # keys of a tile of attention
COLUMNS = 16  # what the width of a product of many matrices is filled up to: some kernels round a rest by its row
LANES = 64  # numbers that functions are computed for at a time, or more


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x` (..., K) times `weight` (K, N), plus `bias` (N,), in tiles of `ROWS` rows."""
    flat = x.reshape(-1, x.shape[-1])
    rows = flat.shape[0]
    padded = F.pad(flat, (0, 0, 0, -rows % ROWS))
    tiles = [torch.mm(tile, weight) for tile in padded.split(ROWS)]
    result = torch.cat(tiles)[:rows] if len(tiles) != 1 else tiles[0][:rows]
    result = result.reshape(*x.shape[:-1], weight.shape[1])
    return result if bias is None else result + bias


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`scaled_dot_product_attention` in tiles that begin at the first key that a row may look at.

    query (B, H, T, K), key and value (B, G, S, K); attn_mask (B or 1, H or 1, T, S), booleans or numbers to add.

    Raises:
        ConfigError: dropout is asked for.
    """
    if dropout_p:
        raise ConfigError("reproducible results and attention dropout exclude each other; call model.eval()")
    batch, heads, queries, size = query.shape
    if key.shape[1] != heads:
        key, value = (x.repeat_interleave(heads // key.shape[1], dim=1) for x in (key, value))
    scores = torch.zeros(batch, 1, queries, key.shape[2], dtype=query.dtype, device=query.device)
    if is_causal:
        ahead = torch.ones(queries, key.shape[2], dtype=torch.bool, device=query.device).triu(1)
        scores = scores.masked_fill(ahead, -torch.inf)
    elif attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        hidden = attn_mask < torch.finfo(attn_mask.dtype).min / 2
        scores = scores + attn_mask.masked_fill(hidden, -torch.inf)
    key, value, scores = _from_first(key, value, scores.expand(batch, scores.shape[1], queries, key.shape[2]))
    mixed = _mix(query, key, value, scores, size**-0.5 if scale is None else scale)
    return mixed[:, :, :queries]


def _from_first(key: Tensor, value: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Keys and values (B, H, S, K) and bias (B, 1 or H, T, S), each row rotated along S to begin at its first visible key."""
    visible = bias.isfinite().any(dim=1).any(dim=1)  # (B, S)
    first = visible.int().argmax(1)
    if not bool(first.any()):
        return key, value, bias
    order = (torch.arange(key.shape[2], device=key.device) + first.unsqueeze(1)) % key.shape[2]
    rows = order[:, None, :, None]
    key, value = (x.gather(2, rows.expand_as(x)) for x in (key, value))
    return key, value, bias.gather(3, order[:, None, None].expand_as(bias))


def _mix(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scale: float) -> Tensor:
    """Attention in tiles of `ROWS` queries and `KEYS` keys: (B, H, T', K), T' the next multiple of `ROWS`."""
    batch, heads, queries, size = query.shape
    width = value.shape[-1]
    more_queries, more_keys = -queries % ROWS, -key.shape[2] % KEYS
    query = F.pad(query, (0, 0, 0, more_queries))
    key, value = F.pad(key, (0, 0, 0, more_keys)), F.pad(value, (0, -width % COLUMNS, 0, more_keys))
    bias = F.pad(bias, (0, more_keys, 0, more_queries), value=-torch.inf)
    across, down = query.shape[2] // ROWS, key.shape[2] // KEYS
    q = query.reshape(batch * heads, across, 1, ROWS, size).expand(-1, -1, down, -1, -1).reshape(-1, ROWS, size)
    k, v = (
        x.reshape(batch * heads, 1, down, KEYS, -1).expand(-1, across, -1, -1, -1).reshape(-1, KEYS, x.shape[-1])
        for x in (key, value)
    )
    scores = torch.bmm(q, k.transpose(1, 2).contiguous()) * scale
    scores = scores.reshape(batch, heads, across, down, ROWS, KEYS).transpose(3, 4)
    scores = scores.float() + bias.reshape(batch, -1, across, ROWS, down, KEYS)
    best = scores.amax((-2, -1), keepdim=True)
    # A query that may look at nothing (padding) mixes nothing.
    shares = (scores - best.masked_fill(best.isneginf(), 0.0)).exp().transpose(3, 4).contiguous()
    total = shares.sum(-1).cumsum(3)[:, :, :, -1]  # from the first tile to the last
    parts = torch.bmm(shares.to(value.dtype).reshape(-1, ROWS, KEYS), v).float()
    mixed = parts.reshape(batch, heads, across, down, ROWS, -1).cumsum(3)[:, :, :, -1]
    mixed = mixed / total.masked_fill(total == 0, 1.0).unsqueeze(-1)
    return mixed.to(query.dtype).reshape(batch, heads, -1, value.shape[-1])[..., :width]


def _by_lanes(func: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An elementwise `func` over full multiples of `LANES`: kernels compute a shorter rest at the end with other rounding."""

    def compute(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        kwargs.pop("inplace", None)
        flat = F.pad(x.reshape(-1), (0, -x.numel() % LANES))
        return func(flat, *args, **kwargs)[: x.numel()].reshape(x.shape)

    return compute


def _addmm(bias: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    return product(x, weight, bias)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return product(x, weight.t(), bias)


def _matmul(x: Tensor, other: Tensor) -> Tensor:
    if other.dim() != 2:
        raise ConfigError(
            f"a product of shapes {tuple(x.shape)} and {tuple(other.shape)} has no reproducible form; "
            "use attn_implementation='sdpa'"
        )
    return product(x, other)


def _grouped_mm(x: Tensor, weights: Tensor, *, offs: Tensor, **kwargs: Any) -> Tensor:
    return torch.cat([*map(product, x.tensor_split(offs[:-1].long()), weights)])


def _addcmul(x: Tensor, first: Tensor, second: Tensor, value: float = 1) -> Tensor:
    """Product and sum are rounded one after the other; fused kernels round some of the numbers only once."""
    return x + first * second * value


def _addcmul_(x: Tensor, first: Tensor, second: Tensor, value: float = 1) -> Tensor:
    return x.add_(first * second * value)


_NUMBERWISE: tuple[Callable[..., Tensor], ...] = (
    F.silu, F.gelu, F.mish, F.softplus, F.elu, F.selu, F.logsigmoid, F.sigmoid, F.tanh,
    torch.tanh, torch.sigmoid, torch.exp, torch.log, torch.erf, torch.cos, torch.sin,
    Tensor.tanh, Tensor.sigmoid, Tensor.exp, Tensor.log, Tensor.erf, Tensor.cos, Tensor.sin,
)  # fmt: skip
_REPLACEMENTS: dict[Any, Callable[..., Tensor]] = {
    **{func: _by_lanes(func) for func in _NUMBERWISE},
    F.linear: _linear,
    torch.addmm: _addmm,
    torch.matmul: _matmul,
    torch.mm: _matmul,
    Tensor.matmul: _matmul,
    Tensor.__matmul__: _matmul,
    Tensor.mm: _matmul,
    getattr(torch, "_grouped_mm", None): _grouped_mm,  # what torch's public `grouped_mm` calls
    torch.addcmul: _addcmul,
    Tensor.addcmul: _addcmul,
    Tensor.addcmul_: _addcmul_,
    F.scaled_dot_product_attention: attention,
}
_REFUSED = {
    torch.bmm, Tensor.bmm, torch.baddbmm, torch.einsum, F.conv1d, F.conv2d, F.conv3d, torch.conv1d, torch.conv2d, torch.conv3d,
}  # fmt: skip


class reproducible(TorchFunctionMode):
    """Inside, what a model computes for a row depends on that row alone, to the last bit.

    Holds for one machine, one dtype and one number of threads, over batch sizes, left padding, the cut of a text into passes,
    and with or without a cache that stores what it is given (not a quantized one); for models of linear layers and attention
    over all earlier keys. It costs time: products of few rows take as long as those of 16, and attention in tiles takes
    several times as long.

    Raises:
        ConfigError: inside, where a model computes something that has no such form here (convolutions, free products).

    >>> with torch.no_grad(), reproducible():
    ...     F.linear(torch.ones(1, 3), torch.ones(2, 3))
    tensor([[3., 3.]])
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        replacement = _REPLACEMENTS.get(func)
        if replacement is not None:
            return replacement(*args, **kwargs)  # torch has switched the mode off in here
        if func in _REFUSED:
            raise ConfigError(f"{func.__name__} has no reproducible form: its rounding depends on the whole batch")
        return func(*args, **kwargs)
