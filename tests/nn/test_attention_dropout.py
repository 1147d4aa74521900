"""The dropout of an attention is a module of it: what is set there, or put in its place, counts."""

import copy
from typing import Any

import torch
from torch import nn

from bestiary.models.bert import BertConfig
from bestiary.models.bert.model import BertModel
from bestiary.models.bloom import BloomConfig
from bestiary.models.bloom.model import BloomModel

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
