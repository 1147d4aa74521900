"""Attention functions of models of others, beside the published ones."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as PUBLISHED
from transformers.models.llama.modeling_llama import eager_attention_forward

from bestiary.compat import attention
from bestiary.core.errors import ArgumentError


def masks(dtype: torch.dtype) -> list[torch.Tensor | None]:
    """None, and a mask as booleans and as numbers."""
    allowed = torch.ones(2, 1, 5, 5, dtype=torch.bool).tril()
    allowed[0, :, 1:, 0] = False
    return [None, allowed, torch.zeros(2, 1, 5, 5, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)]


def module(groups: int, causal: bool = True) -> Any:
    """What an attention module of others shows to its function."""
    part = torch.nn.Module().eval()
    part.num_key_value_groups, part.is_causal = groups, causal
    return part


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_sdpa(groups: int, scaling: float | None) -> None:
    query, key, value = torch.randn(2, 4, 5, 8), torch.randn(2, 4 // groups, 5, 8), torch.randn(2, 4 // groups, 5, 8)
    for mask, causal, told in itertools.product(masks(query.dtype), (True, False), (None, True, False)):
        answers = [
            functions["sdpa"](module(groups, causal), query, key, value, mask, scaling=scaling, is_causal=told)
            for functions in (attention.ALL_ATTENTION_FUNCTIONS, PUBLISHED)
        ]
        torch.testing.assert_close(answers[0][0], answers[1][0])
        assert answers[0][1] is answers[1][1] is None


@pytest.mark.parametrize("groups", [1, 2])
def test_eager(groups: int) -> None:
    query, key, value = torch.randn(2, 4, 5, 8), torch.randn(2, 4 // groups, 5, 8), torch.randn(2, 4 // groups, 5, 8)
    for mask in (None, masks(query.dtype)[2]):
        answers = [
            function(module(groups), query, key, value, mask, scaling=0.3)
            for function in (attention.eager_attention_forward, eager_attention_forward)
        ]
        for one, other in zip(*answers, strict=True):
            torch.testing.assert_close(one, other)


def test_one_query_sees_all_keys() -> None:
    query, key, value = torch.randn(2, 4, 1, 8), torch.randn(2, 4, 5, 8), torch.randn(2, 4, 5, 8)
    answers = [
        functions["sdpa"](module(1), query, key, value, None)[0] for functions in (attention.ALL_ATTENTION_FUNCTIONS, PUBLISHED)
    ]
    torch.testing.assert_close(*answers)


def test_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = attention.AttentionInterface()
    monkeypatch.setattr(attention, "ALL_ATTENTION_FUNCTIONS", functions)
    assert set(functions.valid_keys()) <= set(PUBLISHED.valid_keys())
    for table, error in ((functions, ArgumentError), (PUBLISHED, KeyError)):
        default: Any = object()
        assert table.get_interface("eager", default) is default
        assert table.get_interface("sdpa", default) is table["sdpa"]
        with pytest.raises(error, match="sdpaa"):
            table.get_interface("sdpaa", default)
    mine: Any = SimpleNamespace()
    attention.AttentionInterface.register("mine", mine)
    assert functions["mine"] is functions.get_interface("mine", default) is mine
