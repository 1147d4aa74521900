"""Second names of attributes."""

import copy

import pytest
import torch
from kit.families import pair
from torch import nn

from bestiary.nn.alias import Alias


class Projecting(nn.Module):
    width = Alias("proj.in_features")

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(3, 5)


def test_a_second_name_follows_what_it_names() -> None:
    module = Projecting()
    assert module.width == 3
    module.proj = nn.Linear(7, 5)
    assert module.width == 7


def test_a_value_assigned_to_a_second_name_takes_its_place() -> None:
    module = Projecting()
    module.width = 11
    assert (module.width, module.proj.in_features) == (11, 3)


def test_a_module_in_which_nothing_lies_there_lacks_the_attribute() -> None:
    module = Projecting()
    del module.proj
    assert not hasattr(module, "width")
    with pytest.raises(AttributeError, match="width"):
        _ = module.width


def test_a_copy_of_a_model_shows_its_own_config() -> None:
    model = copy.deepcopy(pair("llama", "LlamaModel").ours)
    model.config.hidden_size = 64
    assert model.layers[0].hidden_size == model.layers[0].self_attn.config.hidden_size == 64
    assert model.name_or_path == model.config.name_or_path != ""


def test_an_mlp_computes_with_the_activation_under_its_published_name() -> None:
    mlp, x = copy.deepcopy(pair("llama", "LlamaModel").ours.layers[0].mlp), torch.randn(2, 3, 32)
    torch.testing.assert_close(mlp(x), mlp.down_proj(mlp.act_fn(mlp.gate_proj(x)) * mlp.up_proj(x)))
    mlp.act_fn = nn.ReLU()
    torch.testing.assert_close(mlp(x), mlp.down_proj(mlp.gate_proj(x).relu() * mlp.up_proj(x)))
