"""Which keys are worth looking at, by a small score of each (DeepSeek-AI 2025, DeepSeek-V3.2-Exp, section 2.1)."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from .masks import Mask


class Index(NamedTuple):
    """Queries (B, T, H, I), small ones beside those of attention, and the weights (B, T, H) of their heads.

    `top_k` is how many keys a token looks at, `scaling` the factor on products.
    """

    query: Tensor
    weights: Tensor
    top_k: int
    scaling: float

    def scores(self, keys: Tensor) -> Tensor:
        """The score of each key (B, S, I) for each query: (B, T, S), in fp32."""
        products = torch.relu(self.query.float() @ keys.float().transpose(1, 2).unsqueeze(1) * self.scaling)
        weights = self.weights.float().unsqueeze(-2) * self.query.shape[-2] ** -0.5
        return torch.matmul(weights, products).squeeze(-2)

    def best(self, scores: Tensor) -> Tensor:
        """(B, T, S) -> (B, T, S), True for the `top_k` greatest of each query."""
        keys = scores.shape[-1]
        if torch.compiler.is_exporting():  # for any number of keys, also one below `top_k`
            scores = pad(scores, (0, self.top_k), value=-torch.inf)
        best = scores.topk(min(self.top_k, scores.shape[-1]), dim=-1).indices
        return torch.zeros_like(scores, dtype=torch.bool).scatter(-1, best, True)[..., :keys]


def with_index(mask: Mask, index: Index, keys: Tensor) -> Mask:
    """The same mask, and of the keys that it shows, (B, S, I) to the index, each query sees the best alone."""
    if mask.kernel is not None:  # which knows the places of keys
        return replace(mask, index=index, _cached=None)
    if not torch.compiler.is_exporting() and mask.keys <= index.top_k:
        return mask
    scores, hidden = index.scores(keys), mask.bias(torch.float32)
    best = index.best(scores if hidden is None else scores + hidden[:, 0]).unsqueeze(1)
    return replace(mask, dense=best if mask.dense is None else mask.dense & best, _cached=None)


def with_one_head_more(key: Tensor, value: Tensor, index_keys: Tensor) -> tuple[Tensor, Tensor]:
    """Keys (B, H, S, K), values and the index's keys (B, 1, S, I) -> keys and values of H + 1 heads, all of one width."""
    width = max(key.shape[-1], index_keys.shape[-1])
    keys = torch.cat([pad(each, (0, width - each.shape[-1])) for each in (key, index_keys)], dim=1)
    return keys, pad(value, (0, 0, 0, 0, 0, 1))


def parted(keys: Tensor, values: Tensor, width: int, index_width: int) -> tuple[Tensor, Tensor, Tensor]:
    """The inverse of `with_one_head_more` for keys of `width` and an index's of `index_width`."""
    return keys[:, :-1, :, :width], values[:, :-1], keys[:, -1:, :, :index_width]
