"""Layers that are computed again in the backward pass: which, where their inputs wait, and that gradients stay the same."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import pair
from transformers.modeling_layers import GradientCheckpointingLayer

import bestiary
from bestiary.core.errors import ArgumentError
from bestiary.nn.layer import Layer

IDS = torch.tensor([[5, 6, 7, 8, 9], [10, 11, 12, 13, 14]])
SIZES = {"vocab_size": 20, "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}


def llama(library: Any, layers: int = 5, **further: Any) -> Any:
    return library.LlamaModel(library.LlamaConfig(**SIZES, num_hidden_layers=layers, **further))


def recomputed(layers: Any) -> list[bool]:
    return [layer.gradient_checkpointing for layer in layers]


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_the_published_layers_are_chosen(every: int) -> None:
    ours, published = llama(bestiary), llama(transformers)
    whole = [pair("t5", "T5Model").ours, pair("t5", "T5Model").reference]
    for model in (ours, published, *whole):
        model.activation_checkpointing_enable(every_n_layers=every)
        assert model.is_activation_checkpointing
    assert recomputed(ours.layers) == recomputed(published.layers) == [number % every == 0 for number in range(5)]
    blocks = [[recomputed(stack.block) for stack in (model.encoder, model.decoder)] for model in whole]
    assert blocks[0] == blocks[1]
    for model in (ours, published, *whole):
        model.activation_checkpointing_disable()
        assert not model.is_activation_checkpointing
    assert not any(recomputed(ours.layers))


def test_one_layer_is_chosen_by_hand() -> None:
    """As in layers of a user, which set it where they are made, and in those of a model, once these are asked to."""
    for base in (Layer, GradientCheckpointingLayer):

        class Mine(base):  # type: ignore[misc, valid-type]
            def __init__(self) -> None:
                super().__init__()
                self.gradient_checkpointing = False
                self.linear = torch.nn.Linear(2, 3)

            def forward(self, x: torch.Tensor) -> Any:
                return self.linear(x)

        mine = Mine()
        assert not mine.gradient_checkpointing
        assert mine.train()(torch.ones(1, 2)).shape == (1, 3)
    for library in (bestiary, transformers):
        model = llama(library, layers=3)
        model.activation_checkpointing_enable()
        model.layers[1].gradient_checkpointing = False
        assert recomputed(model.layers) == [True, False, True]
        assert model.is_activation_checkpointing
        model.layers[1].gradient_checkpointing = True
        assert recomputed(model.layers) == [True, True, True]


def test_a_layer_chosen_by_hand_is_computed_again() -> None:
    model, calls = llama(bestiary, layers=2).train(), [0, 0]
    model.layers[1].gradient_checkpointing = True
    for number, layer in enumerate(model.layers):
        layer.mlp.register_forward_pre_hook(lambda *_, number=number: calls.__setitem__(number, calls[number] + 1))
    model(IDS).last_hidden_state.sum().backward()
    assert calls == [1, 2]


@pytest.mark.parametrize("options", [{"every_n_layers": 2}, {"offload": True}, {"every_n_layers": 2, "offload": True}])
@pytest.mark.parametrize("reentrant", [False, True])
def test_gradients_stay_the_same(options: dict[str, Any], reentrant: bool) -> None:
    model = copy.deepcopy(pair("llama", "LlamaForCausalLM").ours).train()
    gradients = []
    for recomputing in (False, True):
        if recomputing:
            model.activation_checkpointing_enable({"use_reentrant": reentrant}, **options)
            model.enable_input_require_grads()
        model.zero_grad()
        model(IDS, labels=IDS).loss.backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-5, atol=1e-6)


def test_what_is_kept_for_recomputing_waits_in_the_memory_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    model, kept = llama(bestiary, layers=3).train(), []
    original = torch.autograd.graph.save_on_cpu.__init__

    def counted(self: Any, **options: Any) -> None:
        kept.append(options)
        original(self, **options)

    monkeypatch.setattr(torch.autograd.graph.save_on_cpu, "__init__", counted)
    model.activation_checkpointing_enable(every_n_layers=2, offload=True)
    model(IDS).last_hidden_state.sum().backward()
    assert kept == [{"pin_memory": torch.cuda.is_available()}] * 2
    model.activation_checkpointing_enable()
    model(IDS).last_hidden_state.sum().backward()
    assert len(kept) == 2


@pytest.mark.parametrize("number", [0, -1, 1.5, "all"])
def test_every_how_many_layers_is_a_number_from_one_on(number: Any) -> None:
    with pytest.raises(ArgumentError, match="every_n_layers is .*; expected a whole number from 1"):
        llama(bestiary, layers=1).gradient_checkpointing_enable(every_n_layers=number)


@pytest.mark.parametrize("library", [bestiary, transformers])
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_a_config_can_ask_for_it_once(library: Any, tmp_path: Path) -> None:
    model = llama(library, layers=1, gradient_checkpointing=True)
    assert model.is_activation_checkpointing
    assert model.is_gradient_checkpointing
    model.save_pretrained(tmp_path)
    assert "gradient_checkpointing" not in (tmp_path / "config.json").read_text()
    assert not library.LlamaModel.from_pretrained(tmp_path).is_activation_checkpointing
