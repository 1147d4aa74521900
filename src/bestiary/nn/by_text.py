"""Attention over packed texts, one text after the other: work grows with the squares of their lengths, not of the row's."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from .masks import Mask

# Scores whose computing takes as long as starting a kernel once more does.
SCORES_OF_A_START = 2_048


def by_text(kernel: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A kernel that gets each packed text alone, where the lengths of texts are at hand and that is less work."""

    @wraps(kernel)
    def run(query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, bias: Tensor | None, scoring: Any) -> Tensor:
        lengths = None if mask is None or mask.texts is None else mask.lengths_of_texts()
        if mask is None or lengths is None or not _worth_it(query, mask, bias, lengths):
            return kernel(query, key, value, mask, bias, scoring)
        # One split of each, whose gradient is joined once.
        flat = (x if x.shape[0] == 1 else x.transpose(0, 1).flatten(1, 2).unsqueeze(0) for x in (query, key, value))
        texts = zip(*(x.split(lengths, dim=2) for x in flat), strict=True)
        mixed, begin = [], 0
        for (q, k, v), length in zip(texts, lengths, strict=True):
            text = slice(begin, begin + length)
            mixed.append(kernel(q, k, v, mask.of_text(text), None if bias is None else bias[..., text, text], scoring))
            begin += length
        joined = torch.cat(mixed, dim=2)
        return joined if query.shape[0] == 1 else joined[0].unflatten(1, (query.shape[0], -1)).transpose(0, 1)

    return run


def _worth_it(query: Tensor, mask: Mask, bias: Tensor | None, lengths: tuple[int, ...]) -> bool:
    rows, tokens = query.shape[0], query.shape[2]
    if len(lengths) <= rows or mask.keys != tokens or sum(lengths) != rows * tokens or mask.index is not None:
        return False
    if rows > 1 and any(each is not None for each in (bias, mask.padding, mask.dense, mask.additive)):
        return False  # these are of rows
    return len(lengths) * SCORES_OF_A_START + sum(length * length for length in lengths) < rows * tokens * tokens
