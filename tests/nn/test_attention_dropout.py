"""The dropout of an attention is a module of it: what is set there, or put in its place, counts."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from bestiary.models.bert import BertConfig
from bestiary.models.bert.model import BertModel
from bestiary.models.bloom import BloomConfig
from bestiary.models.bloom.model import BloomModel
from bestiary.nn.kernels import Scoring, sdpa
from bestiary.nn.masks import Mask

IDS = torch.tensor([[3, 4, 5, 6]])


def model(kind: Any, config: Any) -> Any:
    torch.manual_seed(0)
    rates = ("hidden_dropout_prob", "attention_probs_dropout_prob", "hidden_dropout", "attention_dropout")
    sizes = {"vocab_size": 11, "hidden_size": 8, "intermediate_size": 8, "n_head": 2, "n_layer": 1, "num_hidden_layers": 1}
    return kind(config(**{**sizes, "num_attention_heads": 2, **dict.fromkeys(rates, 0.0)})).eval()


def changes(one: Any) -> bool:
    torch.manual_seed(0)
    plain = copy.deepcopy(one).eval()
    return not torch.equal(one(IDS).last_hidden_state, plain(IDS).last_hidden_state)


def test_copies_have_their_own() -> None:
    one = model(BertModel, BertConfig)
    other = copy.deepcopy(one)
    other.encoder.layer[0].attention.self.dropout.p = 0.5
    assert changes(other.train())
    assert not changes(one.train())
    assert other.encoder.layer[0].attention.self.attention_dropout == 0.5


def test_whose_mode_counts_is_published() -> None:
    bert, bloom = model(BertModel, BertConfig), model(BloomModel, BloomConfig)
    for each, part in (
        (bert, bert.encoder.layer[0].attention.self.dropout),
        (bloom, bloom.h[0].self_attention.attention_dropout),
    ):
        part.p = 0.5
        part.train()
        assert not each.training
        assert changes(each) is (each is bloom)


def test_another_module_gets_the_probabilities() -> None:
    class Ones(nn.Module):
        def forward(self, probabilities: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(probabilities)

    one = model(BertModel, BertConfig)
    one.encoder.layer[0].attention.self.dropout = Ones()
    assert changes(one.train())
    one.encoder.layer[0].attention.self.dropout = nn.Identity()
    assert not changes(one)


def _hidden(rows: int, keys: int) -> Mask:
    mask = Mask(keys, keys, torch.device("cpu"))
    mask.dense = torch.ones(rows, 1, 1, keys, dtype=torch.bool)
    mask.dense[0, ..., -3:] = False
    return mask


@pytest.mark.parametrize("kind", ["none", "causal", "padded", "empty row", "grouped"])
def test_dropout_on_cpus_leaves_out_what_torch_leaves_out(kind: str) -> None:
    """The same seed gives the same values and gradients as torch's own, which sees no key in an empty row and gives 0 there."""
    torch.manual_seed(0)
    query = torch.randn(2, 4, 6, 8)
    key, value = (torch.randn(2, 2 if kind == "grouped" else 4, 6, 8) for _ in range(2))
    masks = {"causal": Mask(6, 6, torch.device("cpu"), causal=True), "padded": _hidden(2, 6), "empty row": _hidden(2, 6)}
    mask = masks.get(kind)
    if kind == "empty row":
        mask.dense[1] = False
    found = []
    for attend in (lambda *heads: sdpa(*heads, mask, None, Scoring(0.3, 0.25)), _of_torch(mask)):
        heads = [each.clone().requires_grad_() for each in (query, key, value)]
        torch.manual_seed(1)
        mixed = attend(*heads)
        mixed.square().sum().backward()
        found.append([mixed.detach(), *(each.grad for each in heads)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    if kind == "empty row":
        assert not found[0][0][1].any()


def _of_torch(mask: Mask | None) -> Any:
    allowed = None if mask is None else mask.allowed()

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, allowed, 0.25, scale=0.3)

    return attend
