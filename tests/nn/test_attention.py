"""Attention kernels and masks against the formula written out query by query."""

import copy
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from kit.families import pair
from torch import Tensor

from bestiary.cache.kinds.dynamic import DynamicCache
from bestiary.core.errors import ArgumentError, InputError, MissingDependency
from bestiary.nn import kernels
from bestiary.nn.attention import Attend
from bestiary.nn.kernels import kernel, repad, text_offsets, unpad
from bestiary.nn.masks import Mask, make_mask, positions, slots_of_text, text_numbers

CPU = torch.device("cpu")


def by_hand(query: Tensor, key: Tensor, value: Tensor, sees: Tensor, bias: Tensor | None, scaling: float) -> Tensor:
    """One query at a time: softmax over the keys it sees (B, 1 or H, T, S), in double precision."""
    batch, heads, length, _ = query.shape
    group = heads // key.shape[1]
    sees = sees.expand(batch, heads, length, key.shape[2])
    out = torch.zeros_like(query, dtype=torch.double)
    for b in range(batch):
        for h in range(heads):
            for t in range(length):
                slots = sees[b, h, t].nonzero().flatten()
                scores = (key[b, h // group, slots].double() @ query[b, h, t].double()) * scaling
                if bias is not None:
                    scores = scores + bias.expand(batch, heads, length, key.shape[2])[b, h, t, slots].double()
                out[b, h, t] = scores.softmax(0) @ value[b, h // group, slots].double()
    return out.float()


def tensors(batch: int = 2, heads: int = 4, groups: int = 2, queries: int = 5, keys: int = 5) -> tuple[Tensor, ...]:
    torch.manual_seed(0)
    size = 8
    return (
        torch.randn(batch, heads, queries, size),
        torch.randn(batch, groups, keys, size),
        torch.randn(batch, groups, keys, size),
        torch.randn(1, heads, queries, keys),
    )


PADDING = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
MASKS = {
    "none": (Mask(5, 5, CPU), torch.ones(1, 1, 5, 5, dtype=torch.bool)),
    "causal": (Mask(5, 5, CPU, causal=True), torch.ones(5, 5).tril().bool()[None, None]),
    "window": (
        Mask(5, 5, CPU, causal=True, window=2),
        (torch.ones(5, 5).tril() - torch.ones(5, 5).tril(-2)).bool()[None, None],
    ),
    "padded": (Mask(5, 5, CPU, padding=PADDING.bool()), PADDING.bool()[:, None, None].expand(2, 1, 5, 5)),
    "array": (Mask(5, 5, CPU, dense=torch.eye(5).bool()[None, None]), torch.eye(5).bool()[None, None]),
}


@pytest.mark.parametrize("name", ["eager", "sdpa", "flex_attention"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("biased", [False, True])
def test_kernels_equal_the_formula(name: str, mask: str, biased: bool) -> None:
    query, key, value, bias = tensors()
    given, sees = MASKS[mask]
    attend = Attend(scaling=0.3)
    attend.implementation = name
    mixed = attend(query, key, value, given, bias if biased else None)
    torch.testing.assert_close(mixed, by_hand(query, key, value, sees, bias if biased else None, 0.3), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["eager", "sdpa", "flex_attention"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("queries", [1, 5])
def test_a_sink_is_one_more_key_whose_value_is_nothing(name: str, mask: str, queries: int) -> None:
    query, key, value, bias = (x[:, :, -queries:] if index in (0, 3) else x for index, x in enumerate(tensors()))
    described, sees = MASKS[mask] if queries == 5 else (None, torch.ones(1, 1, 1, 5, dtype=torch.bool))
    sinks = torch.tensor([-1.0, 0.5, 2.0, 6.0])
    attend = Attend(scaling=0.3)
    attend.implementation = name
    for term in (None, bias):
        expected = by_hand(
            query,
            torch.nn.functional.pad(key, (0, 0, 0, 1)),
            torch.nn.functional.pad(value, (0, 0, 0, 1)),
            torch.nn.functional.pad(sees.expand(*sees.shape[:2], queries, 5), (0, 1), value=True),
            torch.cat(
                (torch.zeros_like(bias) if term is None else term, sinks.view(1, 4, 1, 1).expand(1, 4, queries, 1)), dim=-1
            ),
            0.3,
        )
        torch.testing.assert_close(attend(query, key, value, described, term, sinks=sinks), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["eager", "sdpa"])
def test_sinks_get_gradients(name: str) -> None:
    query, key, value, _ = tensors()
    sinks = torch.tensor([-1.0, 0.5, 2.0, 6.0], requires_grad=True)
    attend = Attend(scaling=0.3)
    attend.implementation = name
    attend(query, key, value, MASKS["causal"][0], sinks=sinks).square().sum().backward()
    assert sinks.grad is not None
    with torch.no_grad():
        step = torch.zeros(4)
        for head in range(4):
            step[head] = 1e-2
            above, below = (attend(query, key, value, MASKS["causal"][0], sinks=sinks + way * step) for way in (1, -1))
            slope = (above.double().square().sum() - below.double().square().sum()) / 2e-2
            torch.testing.assert_close(sinks.grad[head].double(), slope, rtol=1e-3, atol=1e-3)
            step[head] = 0.0


def test_weights_are_the_probabilities_that_mix_the_values() -> None:
    query, key, value, _ = tensors(groups=4)
    mixed, weights = Attend(scaling=0.3)(query, key, value, MASKS["causal"][0], need_weights=True)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 5))
    assert weights.triu(1).abs().max() == 0
    torch.testing.assert_close(weights @ value, mixed)


def test_soft_cap_equals_the_formula_and_sdpa_refuses_it() -> None:
    query, key, value, _ = tensors(groups=4)
    scores = 2.0 * torch.tanh(query @ key.transpose(-1, -2) * 0.3 / 2.0)
    for name in ("eager", "flex_attention"):
        attend = Attend(scaling=0.3, softcap=2.0)
        attend.implementation = name
        torch.testing.assert_close(attend(query, key, value), scores.softmax(-1) @ value, rtol=1e-5, atol=1e-5)
    with pytest.raises(ArgumentError, match=r"softcap=2\.0"):
        Attend(scaling=0.3, softcap=2.0)(query, key, value)


def test_unknown_and_missing_kernels() -> None:
    with pytest.raises(ArgumentError, match="Did you mean 'eager'"):
        kernel("eagr")
    with pytest.raises(MissingDependency, match="flash_attn"):
        kernel("flash_attention_2")


def test_flex_refuses_gradients_on_the_cpu() -> None:
    query, key, value, _ = tensors()
    attend = Attend(scaling=1.0)
    attend.implementation = "flex_attention"
    with pytest.raises(ArgumentError, match="no backward pass on the CPU; use attn_implementation='sdpa'"):
        attend(query.requires_grad_(), key, value)
    with torch.no_grad():
        attend(query * 1, key, value)


def test_flex_refuses_dropout() -> None:
    query, key, value, _ = tensors()
    attend = Attend(scaling=1.0, dropout=0.1).train()
    attend.implementation = "flex_attention"
    with pytest.raises(ArgumentError, match=r"asked: 0\.1"):
        attend(query, key, value)


def test_mask_with_cache_sees_the_past_and_not_the_future() -> None:
    cache = DynamicCache()
    cache.update(torch.zeros(2, 1, 3, 4), torch.zeros(2, 1, 3, 4), 0)
    mask = make_mask(2, CPU, torch.tensor([[1, 1, 1, 1, 1], [0, 1, 1, 1, 1]]), cache=cache)
    expected = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).bool()
    assert torch.equal(mask.allowed()[0, 0], expected)
    assert torch.equal(mask.allowed()[1, 0], expected & torch.tensor([0, 1, 1, 1, 1]).bool())


def test_a_mask_that_hides_nothing_costs_nothing() -> None:
    assert make_mask(5, CPU, torch.ones(2, 5), causal=False).allowed() is None
    assert make_mask(5, CPU, torch.ones(2, 5)).plainly_causal
    cache = DynamicCache()
    cache.update(torch.zeros(1, 1, 3, 4), torch.zeros(1, 1, 3, 4), 0)
    assert make_mask(1, CPU, torch.ones(1, 4), cache=cache).allowed() is None


def test_masks_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(InputError, match="covers 3 positions, but attention sees 5"):
        make_mask(5, CPU, torch.tensor([[0, 1, 1]]))
    with pytest.raises(InputError, match="covers 3 positions, but attention sees 5"):
        make_mask(5, CPU, torch.ones(1, 3))
    with pytest.raises(InputError, match="expected"):
        make_mask(5, CPU, torch.ones(2, 1, 4, 5))
    with pytest.raises(InputError, match="4 dimensions"):
        make_mask(5, CPU, torch.ones(5))


def test_four_dimensional_masks_are_used_as_they_are() -> None:
    query, key, value, _ = tensors()
    sees = torch.rand(2, 1, 5, 5) > 0.3
    sees[..., 0] = True
    added = torch.zeros(2, 1, 5, 5).masked_fill(~sees, torch.finfo(torch.float32).min)
    for array in (sees, added):
        for name in ("eager", "sdpa", "flex_attention"):
            attend = Attend(scaling=0.3)
            attend.implementation = name
            mixed = attend(query, key, value, make_mask(5, CPU, array))
            torch.testing.assert_close(mixed, by_hand(query, key, value, sees, None, 0.3), rtol=1e-5, atol=1e-5)


def test_positions_count_real_tokens() -> None:
    mask = torch.tensor([[1, 1, 1, 1], [0, 0, 1, 1]])
    assert positions(mask, 4, 0, CPU).tolist() == [[0, 1, 2, 3], [0, 0, 0, 1]]
    assert positions(mask, 1, 3, CPU).tolist() == [[3], [1]]
    assert positions(None, 2, 7, CPU).tolist() == [[7, 8]]


def test_positions_of_padding() -> None:
    """They go on behind a text, where losses over places read them; between tokens they stay, and `first` sets them apart."""
    mask = torch.tensor([[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]])
    assert positions(mask, 5, 0, CPU).tolist() == [[0, 1, 2, 3, 4], [0, 0, 1, 2, 3], [0, 0, 0, 1, 2], [0, 1, 2, 3, 4]]
    assert positions(mask, 2, 3, CPU).tolist() == [[3, 4], [2, 3], [1, 2], [3, 4]]
    assert positions(mask, 5, 0, CPU, first=2).tolist()[:2] == [[2, 3, 1, 1, 1], [1, 2, 3, 1, 1]]
    assert slots_of_text(mask, 5, CPU).tolist() == [[0, 1, 2, 3, 4], [0, 0, 1, 2, 3], [0, 1, 2, 3, 4], [0, 0, 0, 0, 0]]


def test_unpad_and_repad_are_inverse() -> None:
    x = torch.randn(2, 5, 3)
    packed, index, offsets, longest = unpad(x, PADDING.bool())
    assert (packed.shape, offsets.tolist(), longest) == ((8, 3), [0, 5, 8], 5)
    assert torch.equal(repad(packed, index, 2, 5), x * PADDING[..., None])


def test_positions_tell_packed_texts_apart() -> None:
    assert text_numbers(torch.tensor([[0, 1, 2], [3, 4, 5]])) is None
    assert text_numbers(torch.tensor([0, 1, 0])).tolist() == [[0, 0, 1]]
    assert text_numbers(torch.tensor([[0, 1, 0, 1, 5], [0, 1, 2, 3, 4]])).tolist() == [[0, 0, 1, 1, 2], [0] * 5]
    assert text_numbers(torch.tensor([[0, 1, 2, 0, 1, 2, 3]]), chunk=2).tolist() == [[1, 1, 2, 3, 3, 4, 4]]
    mask = Mask(4, 4, CPU, causal=True, window=2, texts=torch.tensor([[0, 0, 0, 1]]))
    assert mask.allowed()[0, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    offsets, longest = text_offsets(torch.tensor([[0, 0, 1, 1, 1], [0, 0, 0, 0, 2]]))
    assert (offsets.tolist(), longest) == ([0, 2, 5, 9, 10], 4)


def test_flash_runs_packed_texts_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is stood in for by sdpa, one text after the other."""

    def varlen(q: Tensor, k: Tensor, v: Tensor, starts: Tensor, of_keys: Tensor, most: int, most_keys: int, **_: Any) -> Tensor:
        assert torch.equal(starts, of_keys)
        assert starts.dtype == torch.int32
        assert most == most_keys == int(starts.diff().max())
        sizes = starts.diff().tolist()
        parts = zip(*([y.transpose(0, 1) for y in x.split(sizes)] for x in (q, k, v)), strict=True)
        mixed = [torch.nn.functional.scaled_dot_product_attention(*part, is_causal=True, scale=0.3) for part in parts]
        return torch.cat([part.transpose(0, 1) for part in mixed])

    monkeypatch.setattr(kernels, "_flash_package", lambda: SimpleNamespace(flash_attn_varlen_func=varlen))
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 4, 5, 8, dtype=torch.bfloat16) for _ in range(3))
    for texts in (torch.tensor([[0, 0, 1, 1, 1], [0, 1, 1, 1, 1]]), torch.tensor([[0, 0, 0, 1, 1]])):
        mask, scoring = Mask(5, 5, CPU, causal=True, texts=texts), kernels.Scoring(0.3)
        mixed = kernels.flash_attention_2(query, key, value, mask, None, scoring)
        torch.testing.assert_close(mixed, kernels.sdpa(query, key, value, mask, None, scoring), rtol=2e-2, atol=2e-2)


def test_default_scaling() -> None:
    from bestiary.nn.kernels import default_scaling

    assert default_scaling(64) == 1 / math.sqrt(64)


def test_pruned_heads_do_not_count() -> None:
    model = copy.deepcopy(pair("bert", "BertModel").ours)
    attention = model.encoder.layer[0].attention.self
    model.prune_heads({0: [1]})
    assert (attention.num_attention_heads, attention.all_head_size, attention.embed_dim) == (3, 24, 32)
