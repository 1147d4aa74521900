"""Forwards of classes that users derive from heads of this library: their decorators run, and they show what they take."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch

from bestiary.models.llama import LlamaConfig, LlamaForCausalLM

IDS = torch.tensor([[3, 4, 5]])
SIZES = {"vocab_size": 11, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}


def doubling(forward: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(forward)
    def double(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        output.logits = 2 * output.logits
        return output

    return double


class Decorated(LlamaForCausalLM):
    """Hands everything on."""

    @doubling
    def forward(self, input_ids: Any = None, **kwargs: Any) -> Any:
        return super().forward(input_ids, **kwargs)


class Twice(Decorated):
    """The decorator on a forward that is a head's own."""

    forward = doubling(Decorated.forward)


@pytest.mark.parametrize(("kind", "times"), [(Decorated, 2), (Twice, 4)])
def test_decorators_run(kind: type[LlamaForCausalLM], times: int) -> None:
    torch.manual_seed(0)
    model = kind(LlamaConfig(**SIZES)).eval()
    plain = LlamaForCausalLM(LlamaConfig(**SIZES)).eval()
    plain.load_state_dict(model.state_dict())
    expected = plain(IDS, output_hidden_states=True)
    for output in (model(IDS, output_hidden_states=True), model.forward(IDS, output_hidden_states=True)):
        assert torch.equal(output.logits, times * expected.logits)
        assert len(output.hidden_states) == len(expected.hidden_states)
    assert {"attention_mask", "labels"} <= inspect.signature(model.forward).parameters.keys()
