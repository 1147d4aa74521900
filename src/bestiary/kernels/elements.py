"""What stands between the products of a model, by C kernels: RMS norms, rotary positions, attention.

Each function gives None where the kernel is not for it: no compiler, states too narrow, a graph or a gradient that is wanted,
another device or dtype. The caller then computes by torch.
"""

import ctypes
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .compiling import ELEMENTS, PAGED, NoKernels, compiled
from .direct import is_direct
from .native import FORMATS, switched_off, team

# Narrower states are of models so small that compiling takes longer than a user would wait for torch.
WIDE = 512
# How the product of normed numbers and weights is rounded: both factors first, the product alone, or that with 1 + weight.
TWICE, ONCE, SHIFTED = 0, 1, 2
# Attention of many queries: narrower heads together, fewer queries, or more slots, are torch's, which is as quick there.
_HEADS_WIDE, _FEWEST_QUERIES, _MOST_SLOTS = 384, 24, 512
SILU, GELU_TANH, GELU, RELU = range(4)

_INT, _LONG, _POINTER, _FLOAT = ctypes.c_int, ctypes.c_long, ctypes.c_void_p, ctypes.c_float
_SixLongs, _NineLongs, TwoLongs = _LONG * 6, _LONG * 9, _LONG * 2


class Elements:
    """The kernels of one compiled file (`native/elements.c`). They run while Python waits: each takes microseconds."""

    def __init__(self, path: Path) -> None:
        library = _opened(path)
        library.compiled_for.restype = ctypes.c_char_p
        self.instructions = str(library.compiled_for(), "ascii")
        self.rms_norm, self.turn, self.attend_one = library.rms_norm, library.turn, library.attend_one
        self.rms_norm.argtypes = [_POINTER, _INT, _LONG, _LONG, _POINTER, _FLOAT, _INT, _POINTER, _INT]
        heads: list[type] = [_POINTER, _LONG, _POINTER]
        self.turn.argtypes = [*heads, *heads, _POINTER, _INT, *[_LONG] * 3, _POINTER, _POINTER, _LONG, _LONG, _INT, _INT]
        self.attend_one.argtypes = [*[_POINTER] * 4, _INT, *[_LONG] * 5, _POINTER, _FLOAT, _FLOAT, _POINTER, _LONG, _INT]
        self.rms_norm.restype = self.turn.restype = None
        self.activate_all = library.activate_all
        self.activate_all.argtypes = [_POINTER, _POINTER, _INT, _INT, _LONG, _POINTER, _INT]
        self.activate_all.restype = None
        self.attend_many = library.attend_many
        self.attend_many.argtypes = [*[_POINTER] * 4, *[_LONG] * 6, _POINTER, _FLOAT, _POINTER, *[_LONG] * 4, _INT]
        # Products of a large layer take milliseconds, in which other threads of Python go on.
        self.take_steps = ctypes.CDLL(str(path)).take_steps
        self.take_steps.argtypes = [_POINTER, _INT, _LONG, _POINTER]

    @cached_property
    def attend_paged(self) -> Any:
        """Attention over the blocks of a pool, compiled when it is asked for."""
        function = _opened(compiled(PAGED)).attend_paged
        sizes, tables = [_INT, *[_LONG] * 6], [_POINTER] * 4
        function.argtypes = [*[_POINTER] * 4, *sizes, _POINTER, *tables, _FLOAT, _FLOAT, _INT]
        return function


def _opened(path: Path) -> ctypes.PyDLL:
    try:
        library = ctypes.PyDLL(str(path))
    except OSError as error:
        raise NoKernels(f"{path} cannot be loaded ({error})") from error
    pool = team()
    if pool is not None:
        library.use_team(pool)
    return library


@cache
def elements() -> Elements | None:
    """The kernels, compiled at the first call; None without them. What the environment says counts at that call."""
    try:
        return None if switched_off() else Elements(compiled(ELEMENTS))
    except NoKernels:
        return None


def is_plain(x: Tensor, other: Tensor) -> bool:
    """Whether a kernel may compute with numbers of these two, in the dtype of both."""
    if not is_direct(x, other) or x.dtype not in FORMATS or other.dtype is not x.dtype or not other.is_cpu:
        return False
    return type(other) in (Tensor, nn.Parameter) and not torch.is_autocast_enabled("cpu")


def activated(x: Tensor, other: Tensor | None, activation: int) -> Tensor | None:
    """An activation (`SILU`, ...) of x (..., D), multiplied by `other` of the same shape; D as in the MLPs of wide states."""
    if x.dim() == 0 or x.shape[-1] < 2 * WIDE or not is_plain(x, x if other is None else other) or not x.is_contiguous():
        return None
    if other is not None and (other.shape != x.shape or not other.is_contiguous()):
        return None
    kernels = elements()
    if kernels is None:
        return None
    out = torch.empty_like(x)
    pointers = x.data_ptr(), None if other is None else other.data_ptr()
    kernels.activate_all(*pointers, activation, FORMATS[x.dtype], x.numel(), out.data_ptr(), torch.get_num_threads())
    return out


def rms_norm(x: Tensor, weight: Tensor, epsilon: float, rounding: int) -> Tensor | None:
    """x (..., D) / sqrt(mean(x^2) + epsilon) * weight (D,), the mean in float32, rounded as `rounding` says."""
    if not is_plain(x, weight) or x.dim() == 0:
        return None
    shape = x.shape
    size = shape[-1]
    if size < WIDE and (len(shape) != 4 or shape[1] * size < WIDE):
        return None
    if weight.dim() != 1 or weight.shape[0] != size or not x.is_contiguous():
        return None
    kernels = elements()
    if kernels is None or not weight.is_contiguous():
        return None
    out = torch.empty_like(x)
    pointers = x.data_ptr(), weight.data_ptr(), out.data_ptr()
    threads = torch.get_num_threads()
    kernels.rms_norm(
        pointers[0], FORMATS[x.dtype], x.numel() // size, size, pointers[1], epsilon, rounding, pointers[2], threads
    )
    return out


def turned(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> tuple[Tensor, Tensor] | None:
    """Queries (B, H, T, K) and keys (B, G, T, K) turned by angles whose cosines and sines are (B or 1, T, rotated K)."""
    if not is_plain(query, key) or not is_plain(cos, sin) or cos.dtype is not query.dtype:
        return None
    rows, heads, tokens, size = query.shape
    if heads * size < WIDE:
        return None
    groups, rotated = key.shape[1], cos.shape[-1]
    fit = cos.shape == sin.shape and cos.shape[0] in (1, rows) and cos.shape[1] == tokens and rotated <= size
    if not fit or key.shape != (rows, groups, tokens, size) or (key.requires_grad and torch.is_grad_enabled()):
        return None
    kernels = elements()
    if kernels is None or query.stride(3) != 1 or key.stride(3) != 1 or not cos.is_contiguous() or not sin.is_contiguous():
        return None
    queries, keys = query.new_empty(query.shape), query.new_empty(key.shape)
    kernels.turn(
        query.data_ptr(),
        heads,
        queries.data_ptr(),
        key.data_ptr(),
        groups,
        keys.data_ptr(),
        _SixLongs(*query.stride()[:3], *key.stride()[:3]),
        FORMATS[query.dtype],
        rows,
        tokens,
        size,
        cos.data_ptr(),
        sin.data_ptr(),
        rotated,
        tokens * rotated if cos.shape[0] > 1 else 0,
        interleaved,
        torch.get_num_threads(),
    )
    return queries, keys


def attended(
    query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None, scaling: float, cap: float | None
) -> Tensor | None:
    """One query in each head (B, H, 1, K) over keys and values (B, G, S, K) -> (B, H, 1, K).

    Scores are multiplied by `scaling` and then bounded by `cap`, if there is one; allowed (B or 1, 1, 1, S): where to look.
    """
    if not is_plain(query, key) or value.dtype is not query.dtype or type(value) is not Tensor:
        return None
    rows, heads, queries, size = query.shape
    if queries != 1 or heads * size < WIDE:
        return None
    groups, slots = key.shape[1], key.shape[2]
    fit = key.shape == value.shape and key.shape[0] == rows and key.shape[3] == size and slots > 0 and heads % groups == 0
    if not fit or (torch.is_grad_enabled() and _wants_gradient(value)) or not value.is_cpu or not query.is_contiguous():
        return None
    if allowed is not None and (
        allowed.shape not in ((1, 1, 1, slots), (rows, 1, 1, slots)) or allowed.dtype != torch.bool or allowed.stride(3) != 1
    ):
        return None
    kernels = elements()
    if kernels is None or key.stride(3) != 1 or value.stride(3) != 1:
        return None
    out = query.new_empty(query.shape)
    failed = kernels.attend_one(
        query.data_ptr(),
        key.data_ptr(),
        value.data_ptr(),
        out.data_ptr(),
        FORMATS[query.dtype],
        rows,
        groups,
        heads // groups,
        slots,
        size,
        _SixLongs(*key.stride()[:3], *value.stride()[:3]),
        scaling,
        cap or 0.0,
        None if allowed is None else allowed.data_ptr(),
        0 if allowed is None or allowed.shape[0] == 1 else allowed.stride(0),
        torch.get_num_threads(),
    )
    return None if failed else out


def attended_by_many(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, first: int, causal: bool, window: int, scaling: float
) -> Tensor | None:
    """Queries (B, H, T, K) over keys and values (B, G, S, K) -> (B, H, T, K), float32.

    Args:
        padding: (B or 1, S), True where a slot may be looked at; None: all. first: the slot of the first query, which sees no
            later one if `causal`, and none `window` or more away unless that is 0. scaling: the factor on scores.
    """
    rows, heads, queries, size = query.shape
    groups, slots = key.shape[1], key.shape[2]
    if query.dtype != torch.float32 or heads * size < _HEADS_WIDE or size % 16:
        return None
    if queries < _FEWEST_QUERIES or not 0 < slots <= _MOST_SLOTS:
        return None
    if not is_plain(query, key) or not is_plain(query, value) or (torch.is_grad_enabled() and _wants_gradient(key, value)):
        return None
    if key.shape != value.shape or (key.shape[0], key.shape[3]) != (rows, size) or heads % groups:
        return None
    if query.stride(3) != 1 or key.stride(3) != 1 or value.stride(3) != 1:
        return None
    if padding is not None and (padding.shape not in ((1, slots), (rows, slots)) or padding.stride(1) != 1):
        return None
    kernels = elements()
    if kernels is None or not kernels.instructions.startswith("AVX512"):
        return None
    out = query.new_empty(rows, queries, heads, size)
    failed = kernels.attend_many(
        query.data_ptr(),
        key.data_ptr(),
        value.data_ptr(),
        out.data_ptr(),
        rows,
        heads,
        groups,
        queries,
        slots,
        size,
        _NineLongs(*query.stride()[:3], *key.stride()[:3], *value.stride()[:3]),
        scaling,
        None if padding is None else padding.data_ptr(),
        0 if padding is None or padding.shape[0] == 1 else padding.stride(0),
        first,
        causal,
        window,
        torch.get_num_threads(),
    )
    return None if failed else out.transpose(1, 2)


def _wants_gradient(*tensors: Tensor) -> bool:
    return any(tensor.requires_grad for tensor in tensors)
