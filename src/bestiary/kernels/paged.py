"""Attention of one query of each of many texts over the blocks of a pool that hold them, by a C kernel."""

import torch
from torch import Tensor

from . import elements
from .elements import TwoLongs, is_plain
from .native import FORMATS

# Slots are read so many at a time.
_LANES = 16


def attended_in_pages(
    query: Tensor, keys: Tensor, values: Tensor, tables: tuple[Tensor, Tensor], seen: tuple[Tensor, Tensor], scaling: float,
    cap: float | None,
) -> Tensor | None:  # fmt: skip
    """Queries (R, H, K), one of each text, over keys (N, G, K, P) and values (N, G, P, V) -> (R, H, V); None: by torch.

    Args:
        tables: the blocks of all texts one after the other, and where those of each begin, (R + 1,). seen: the first slot of
            its text that each query looks at, and the one behind the last, (R,) each; at least one lies between. All int64.
        scaling, cap: scores are multiplied by `scaling` and then bounded by `cap`, if there is one.
    """
    rows, heads, size = query.shape
    if not is_plain(query, keys) or values.dtype is not query.dtype or heads * size < elements.WIDE or query.stride(2) != 1:
        return None
    groups, page = keys.shape[1], keys.shape[3]
    if page % _LANES or heads % groups or keys.shape[2] != size or not (keys.is_contiguous() and values.is_contiguous()):
        return None
    kernels = elements.elements()
    if kernels is None:
        return None
    out = query.new_empty(rows, heads, values.shape[3])
    failed = kernels.attend_paged(
        query.data_ptr(),
        keys.data_ptr(),
        values.data_ptr(),
        out.data_ptr(),
        FORMATS[query.dtype],
        rows,
        groups,
        heads // groups,
        size,
        values.shape[3],
        page,
        TwoLongs(*query.stride()[:2]),
        *(table.data_ptr() for table in (*tables, *seen)),
        scaling,
        cap or 0.0,
        torch.get_num_threads(),
    )
    return None if failed else out
