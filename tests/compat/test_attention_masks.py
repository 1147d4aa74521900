"""The older makers of additive masks, beside those of `transformers.modeling_attn_mask_utils`."""

import inspect
import itertools
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import modeling_attn_mask_utils as published

from bestiary.compat import attention_masks as ours
from bestiary.core.errors import InputError

FUNCTIONS = [name for name in vars(published) if name.startswith(("_prepare_4d", "_create_4d"))]
CONVERTER = ["to_causal_4d", "to_4d", "_make_causal_mask", "_expand_mask", "_unmask_unattended", "_ignore_causal_mask_sdpa"]


def outcome(call: Callable[[], Any]) -> Any:
    """The mask, a boolean, or that it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except (ValueError, NotImplementedError):
            return ValueError


def same(one: Any, other: Any) -> bool:
    if not (isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)):
        return one is other
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)


def both(name: str, *inputs: Any) -> bool:
    return same(*(outcome(lambda module=module: getattr(module, name)(*inputs)) for module in (ours, published)))


def converted(name: str, inputs: tuple[Any, ...], settings: tuple[Any, ...] = (True,)) -> bool:
    """Whether a method of both converters gives the same."""
    answers = [
        outcome(lambda module=module: getattr(module.AttentionMaskConverter(*settings), name)(*inputs))
        for module in (ours, published)
    ]
    return same(*answers)


def paddings(rows: int, keys: int) -> list[torch.Tensor | None]:
    """None, nothing, some on either side, a row of padding alone."""
    left = (torch.arange(keys) >= torch.arange(rows)[:, None]).long()
    nothing = torch.ones(rows, keys, dtype=torch.int64)
    return [None, nothing, left, left.flip(1), torch.cat([nothing[1:], torch.zeros(1, keys, dtype=torch.int64)])]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("window", [None, 2, 8])
def test_causal(dtype: torch.dtype, window: int | None) -> None:
    for length, past in itertools.product((1, 2, 5), (0, 3)):
        embeds = torch.zeros(3, length, 4, dtype=dtype)
        for mask in paddings(3, length + past):
            for name in ("_prepare_4d_causal_attention_mask", "_prepare_4d_causal_attention_mask_for_sdpa"):
                assert both(name, mask, (3, length), embeds, past, window), (name, length, past, mask)
            arguments = (mask, embeds, past, window)
            assert same(
                *(
                    outcome(lambda m=m, a=arguments: m.AttentionMaskConverter._ignore_causal_mask_sdpa(*a))
                    for m in (ours, published)
                )
            )
        assert both("_create_4d_causal_attention_mask", (3, length), dtype, torch.device("cpu"), past, window)


@pytest.mark.parametrize("name", ["_prepare_4d_causal_attention_mask", "_prepare_4d_causal_attention_mask_for_sdpa"])
def test_masks_of_four_dimensions(name: str) -> None:
    embeds = torch.zeros(2, 3, 4)
    assert both(name, torch.ones(2, 1, 3, 5).tril(), (2, 3), embeds, 2)
    assert both(name, torch.ones(2, 1, 3, 4), (2, 3), embeds, 2)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(2, 1, 3, 4\); expected \(2, 1, 3, 5\)"):
        ours._prepare_4d_causal_attention_mask(torch.ones(2, 1, 3, 4), (2, 3), torch.zeros(2, 3, 4), 2)


def test_padding() -> None:
    for mask in paddings(3, 4)[1:]:
        for name in ("_prepare_4d_attention_mask", "_prepare_4d_attention_mask_for_sdpa"):
            for length in (None, 1, 2):
                assert both(name, mask, torch.float32, length)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("window", [None, 2, 0])
def test_converter(causal: bool, window: int | None) -> None:
    for length, keys in ((1, 4), (3, 4), (4, 4)):
        for mask in [mask for mask in paddings(3, keys) if mask is not None]:
            for told in (keys, None):
                assert converted("to_4d", (mask, length, torch.float32, told), (causal, window)), (length, keys, told)
        assert converted("to_causal_4d", (3, length, keys, torch.float32), (causal, window))


def test_parts_of_the_converter() -> None:
    hidden = torch.finfo(torch.float32).min
    rows = torch.tensor([[[[0.0, hidden], [hidden, hidden]]]])
    for name, inputs in {
        "_make_causal_mask": ((2, 3), torch.float32, torch.device("cpu"), 2, 2),
        "_expand_mask": (torch.tensor([[0, 1], [1, 1]]), torch.float32, 3),
        "_unmask_unattended": (rows, hidden),
    }.items():
        assert converted(name, inputs), name


@pytest.mark.parametrize("name", [*FUNCTIONS, *CONVERTER])
def test_parameters_are_the_published_ones(name: str) -> None:
    answers = [
        [(each.name, each.default) for each in inspect.signature(getattr(home, name)).parameters.values()]
        for module in (ours, published)
        for home in [module if name in FUNCTIONS else module.AttentionMaskConverter]
    ]
    assert answers[0] == answers[1]
