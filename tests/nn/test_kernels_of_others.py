"""Attention that others wrote and put into a model later: it gets the masks of the model's kernel, and is recorded."""

from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers

import bestiary
from bestiary.compat.attention import ALL_ATTENTION_FUNCTIONS

IDS = torch.tensor([[5, 6, 7, 8, 9], [9, 3, 5, 4, 6]])
SIZES = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50}


def attention_of_my_own(library: ModuleType) -> Any:
    """A class that adds what it gets as a mask, and turns nothing: without a mask it looks ahead."""
    file = import_module("bestiary.models.llama.model" if library is bestiary else "transformers.models.llama.modeling_llama")

    class MyAttention(file.LlamaAttention):  # type: ignore[misc]
        def forward(
            self, hidden_states: Any, position_embeddings: Any = None, attention_mask: Any = None, **kwargs: Any
        ) -> Any:
            shape = (*hidden_states.shape[:-1], -1, self.head_dim)
            query, key, value = (
                project(hidden_states).view(shape).transpose(1, 2) for project in (self.q_proj, self.k_proj, self.v_proj)
            )
            scores = query @ key.transpose(2, 3) * self.scaling
            weights = (scores if attention_mask is None else scores + attention_mask).softmax(-1)
            return self.o_proj((weights @ value).transpose(1, 2).flatten(2)), weights

    return MyAttention


def answer(library: ModuleType, change: Any) -> Any:
    """What a model with the same weights in both libraries gives, attentions included, after `change(model)`."""
    config = library.LlamaConfig(**SIZES, attn_implementation="eager")
    model = library.LlamaModel(config).eval()
    draw = torch.Generator().manual_seed(0)
    for _, parameter in sorted(model.named_parameters()):
        parameter.data = torch.randn(parameter.shape, generator=draw) * 0.2
    change(model)
    with torch.no_grad():
        return model(IDS, output_attentions=True)


def put_in(library: ModuleType) -> Any:
    def change(model: Any) -> None:
        for index, layer in enumerate(model.layers):
            new = attention_of_my_own(library)(model.config, index).eval()
            new.load_state_dict(layer.self_attn.state_dict())
            layer.self_attn = new

    return change


def put_in_layers(library: ModuleType) -> Any:
    """Whole layers, whose attention is exchanged before they are put in."""

    def change(model: Any) -> None:
        for index, layer in enumerate(list(model.layers)):
            kind = type(layer)

            class MyLayer(kind):  # type: ignore[misc, valid-type]
                def forward(self, hidden_states: Any, attention_mask: Any = None, **kwargs: Any) -> Any:
                    return super().forward(hidden_states, attention_mask=attention_mask, **kwargs)

            new = MyLayer(model.config, index)
            new.self_attn = attention_of_my_own(library)(model.config, index)
            new.load_state_dict(layer.state_dict())
            model.layers[index] = new.eval()

    return change


@pytest.mark.parametrize("put", [put_in, put_in_layers])
def test_it_gets_the_mask_of_the_kernel_and_is_recorded(put: Any) -> None:
    ours, expected = (answer(library, put(library)) for library in (bestiary, transformers))
    torch.testing.assert_close(ours.last_hidden_state, expected.last_hidden_state, rtol=1e-5, atol=1e-5)
    assert len(ours.attentions) == len(expected.attentions) == 2
    for weights, others in zip(ours.attentions, expected.attentions, strict=True):
        torch.testing.assert_close(weights, others, rtol=1e-5, atol=1e-5)
        assert not weights.triu(1).any(), "nobody looks ahead"


def test_a_kernel_written_into_the_config_comes_into_use() -> None:
    calls = []

    def mine(module: Any, query: Any, key: Any, value: Any, mask: Any, **kwargs: Any) -> Any:
        calls.append(type(module).__name__)
        return torch.zeros_like(query).transpose(1, 2), None

    model = bestiary.LlamaModel(bestiary.LlamaConfig(**SIZES)).eval()
    ALL_ATTENTION_FUNCTIONS["zeros"] = mine
    try:
        model.config._attn_implementation = "zeros"
        model(IDS)
        model.config._attn_implementation = "sdpa"
        model(IDS)
    finally:
        del ALL_ATTENTION_FUNCTIONS["zeros"]
    assert calls == ["LlamaAttention"] * 2
