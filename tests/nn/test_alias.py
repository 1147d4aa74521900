"""Second names of attributes."""

import copy

import pytest
import torch
from kit.families import close, pair
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


@pytest.mark.parametrize(
    ("family", "name", "attribute", "count"),
    [
        ("llama", "LlamaModel", "scaling", 2),
        ("bert", "BertModel", "scaling", 2),
        ("gpt2", "GPT2Model", "scaling", 4),
        ("t5", "T5ForConditionalGeneration", "scaling", 6),
        ("clip", "CLIPModel", "scale", 4),
        ("llama", "LlamaModel", "variance_epsilon", 5),
        ("t5", "T5ForConditionalGeneration", "variance_epsilon", 12),
        ("cohere", "CohereModel", "variance_epsilon", 3),
    ],
)
@torch.no_grad()
def test_a_model_computes_with_the_number_that_is_assigned(family: str, name: str, attribute: str, count: int) -> None:
    models = pair(family, name)
    sides = [(copy.deepcopy(models.ours), models.inputs), (copy.deepcopy(models.reference), models.reference_inputs())]
    before = sides[0][0](**sides[0][1])[0]
    for model, _ in sides:
        holders = [module for module in model.modules() if hasattr(module, attribute)]
        assert len(holders) == count
        for module in holders:
            setattr(module, attribute, 0.7)
            assert getattr(module, attribute) == 0.7
    ours, expected = (model(**inputs)[0] for model, inputs in sides)
    assert (ours - before).abs().max() > 1e-3
    close(ours, expected, name, models.real)


def test_attention_drops_as_much_as_is_assigned() -> None:
    model = copy.deepcopy(pair("llama", "LlamaModel").ours).train()
    ids = torch.tensor([[5, 6, 7, 8]])
    assert torch.equal(model(ids)[0], model(ids)[0])
    for layer in model.layers:
        layer.self_attn.attention_dropout = 0.5
    assert not torch.equal(model(ids)[0], model(ids)[0])
