"""Each query sees the keys that its index scores best, of those that the mask shows."""

import pytest
import torch

from bestiary.nn.indexing import Index, parted, with_index, with_one_head_more
from bestiary.nn.masks import Mask


def index(queries: int, top_k: int) -> Index:
    torch.manual_seed(0)
    return Index(torch.randn(2, queries, 16, 4), torch.randn(2, queries, 16), top_k, 0.5)


@pytest.mark.parametrize("top_k", [1, 3, 6])
def test_a_query_sees_the_best_of_what_the_mask_shows(top_k: int) -> None:
    chosen, keys, real = index(6, top_k), torch.randn(2, 6, 4), torch.ones(2, 6, dtype=torch.bool)
    real[1, :2] = False
    mask = Mask(6, 6, keys.device, causal=True, padding=real)
    allowed = with_index(mask, chosen, keys).allowed()
    assert allowed is not None
    for row in range(2):
        for query in range(6):
            shown = [key for key in range(query + 1) if real[row, key]]
            products = torch.relu(chosen.query[row, query] @ keys[row].T)
            scores = (chosen.weights[row, query] @ products).tolist()
            expected = sorted(shown, key=lambda key: -scores[key])[:top_k]
            assert allowed[row, 0, query].nonzero().flatten().tolist() == sorted(expected)


def test_a_mask_of_few_keys_stays_as_it_is() -> None:
    mask = Mask(6, 6, torch.device("cpu"), causal=True)
    assert with_index(mask, index(6, 6), torch.randn(2, 6, 4)) is mask


@pytest.mark.parametrize("width", [3, 7])
def test_keys_of_an_index_travel_as_one_more_head(width: int) -> None:
    key, value, index_key = torch.randn(2, 4, 6, 5), torch.randn(2, 4, 6, 3), torch.randn(2, 1, 6, width)
    apart = parted(*with_one_head_more(key, value, index_key), 5, width)
    assert all(torch.equal(part, whole) for part, whole in zip(apart, (key, value, index_key), strict=True))
