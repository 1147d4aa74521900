"""Masks that models of others build, beside those of `transformers.masking_utils`, for random sizes, padding and caches."""

import inspect
import itertools
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from transformers import masking_utils

import bestiary
from bestiary.compat import mask_functions, masks
from bestiary.core.errors import ArgumentError, ConfigError

CAUSAL = ["create_causal_mask", "create_sliding_window_causal_mask", "create_chunked_causal_mask"]
BIDIRECTIONAL = ["create_bidirectional_mask", "create_bidirectional_sliding_window_mask"]
PADDING = {
    "none": lambda rows, keys: None,
    "whole": lambda rows, keys: torch.ones(rows, keys, dtype=torch.int64),
    "left": lambda rows, keys: (torch.arange(keys) >= torch.arange(rows)[:, None]).long(),
    "right": lambda rows, keys: (torch.arange(keys).flip(0) >= torch.arange(rows)[:, None]).long(),
    "holes": lambda rows, keys: torch.randint(0, 2, (rows, keys), generator=torch.Generator().manual_seed(keys)).bool(),
}


def configs(implementation: str, **values: Any) -> tuple[Any, Any]:
    """The same config of both libraries."""
    values = {"hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": 2, **values}
    ours = bestiary.MistralConfig(**values, attn_implementation=implementation)
    theirs = transformers.MistralConfig(**values, attn_implementation=implementation)
    return ours, theirs


def chunked(*configs: Any) -> None:
    """Let layers look at chunks of three tokens."""
    for config in configs:
        config.attention_chunk_size = 3


def same(ours: Any, theirs: Any) -> bool:
    """Whether the masks are the same, their dtype and shape included."""
    if ours is None or theirs is None:
        return ours is theirs
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and torch.equal(ours, theirs)


def caches(kind: str, ours: Any, theirs: Any, seen: int) -> tuple[Any, Any]:
    """A cache of each library that has seen so many tokens."""
    if kind == "none":
        return None, None
    if kind == "dynamic":
        pair: tuple[Any, Any] = bestiary.DynamicCache(config=ours), transformers.DynamicCache(config=theirs)
    else:
        pair = bestiary.StaticCache(ours, 12), transformers.StaticCache(config=theirs, max_cache_len=12)
    states = torch.zeros(3, 1, seen, 4)
    for cache, layer in itertools.product(pair, range(2)):
        if seen:
            cache.update(states, states, layer)
    return pair


@pytest.mark.parametrize("implementation", ["eager", "sdpa", "flash_attention_2"])
@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("padding", PADDING)
def test_causal(implementation: str, name: str, padding: str) -> None:
    window = None if name == CAUSAL[0] else 4
    ours, theirs = configs("sdpa", sliding_window=window)
    ours.__dict__["_attn_implementation"] = theirs._attn_implementation_internal = implementation
    kinds = ["none"]
    if name == CAUSAL[2]:
        chunked(ours, theirs)
        if implementation == "flash_attention_2":
            for module, config in ((masks, ours), (masking_utils, theirs)):
                with pytest.raises(ValueError, match="chunk"):
                    getattr(module, name)(config, torch.zeros(3, 5, 8), None, None)
            return
    else:  # windows of static caches hold another number of slots here, and flash attention has none ahead of the text
        kinds += ["dynamic"] if implementation == "flash_attention_2" or window else ["dynamic", "static"]
    for kind, seen, length in itertools.product(kinds, (0, 1, 5), (1, 3, 5)):
        if kind == "none" and seen:
            continue
        pair = caches(kind, ours, theirs, seen)
        embeds, mask = torch.zeros(3, length, 8), PADDING[padding](3, seen + length)
        answers = [
            getattr(module, name)(config, embeds, mask, cache)
            for module, config, cache in zip((masks, masking_utils), (ours, theirs), pair, strict=True)
        ]
        assert same(*answers), (kind, seen, length, answers)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", BIDIRECTIONAL)
@pytest.mark.parametrize("padding", PADDING)
def test_bidirectional(implementation: str, name: str, padding: str) -> None:
    ours, theirs = configs(implementation, sliding_window=3)
    for length, keys in itertools.product((1, 2, 5), (None, 1, 6)):
        embeds, encoder = torch.zeros(3, length, 8), None if keys is None else torch.zeros(3, keys, 8)
        mask = PADDING[padding](3, keys or length)
        answers = [
            getattr(module, name)(config, embeds, mask, encoder_hidden_states=encoder)
            for module, config in ((masks, ours), (masking_utils, theirs))
        ]
        assert same(*answers), (length, keys)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", CAUSAL)
def test_further_functions_packed_texts_and_blocks(implementation: str, name: str) -> None:
    ours, theirs = configs(implementation, sliding_window=3)
    chunked(ours, theirs)
    table = torch.rand(2, 7, generator=torch.Generator().manual_seed(0)) > 0.5

    def by_table(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return table[b, k]

    packed = torch.tensor([[0, 1, 2, 0, 1, 2, 3], [0, 1, 2, 3, 4, 0, 1]])
    options: list[dict[str, Any]] = [
        {"or_mask_function": by_table},
        {"and_mask_function": by_table},
        {"position_ids": packed},
        {"position_ids": torch.arange(7)[None]},
        {"position_ids": packed[:1]},
        {"position_ids": packed, "or_mask_function": by_table},
        {"position_ids": packed, "and_mask_function": by_table},
        {"block_sequence_ids": torch.tensor([[-1, 0, 0, 0, -1, 1, 1], [-1] * 7])},
        {"block_sequence_ids": torch.tensor([[-1, 0, 0, 0, -1, 1, 1], [-1] * 7]), "and_mask_function": by_table},
        {"allow_is_causal_skip": False},
    ]
    for option, padded in itertools.product(options, (False, True)):
        mask = PADDING["left"](2, 7) if padded else None
        answers = [
            getattr(module, name)(config, torch.zeros(2, 7, 8), mask, None, **option)
            for module, config in ((masks, ours), (masking_utils, theirs))
        ]
        assert same(*answers), (option, padded)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", CAUSAL + BIDIRECTIONAL)
def test_a_padding_mask_says_how_many_keys_there_are(implementation: str, name: str) -> None:
    ours, theirs = configs(implementation, sliding_window=3)
    chunked(ours, theirs)
    for padding in ("whole", "left"):
        answers = [
            getattr(module, name)(config, torch.zeros(3, 2, 8), PADDING[padding](3, 9), None)
            for module, config in ((masks, ours), (masking_utils, theirs))
        ]
        assert same(*answers), padding


class MixedConfig(bestiary.MistralConfig):
    """Layers with and without a window."""

    layer_types: list[str] | None = None


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("kinds", [None, ["full_attention", "sliding_attention"], ["full_attention"] * 2])
@pytest.mark.parametrize("cached", ["none", "dynamic"])
def test_for_generate(implementation: str, kinds: list[str] | None, cached: str) -> None:
    values: dict[str, Any] = {"layer_types": kinds, "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 2}
    values |= {"sliding_window": 3, "num_key_value_heads": 1, "attn_implementation": implementation}
    ours, theirs = (
        (MixedConfig(**values), transformers.Qwen2Config(use_sliding_window=True, max_window_layers=0, **values))
        if kinds
        else configs(implementation, sliding_window=3)
    )
    pair = caches(cached, ours, theirs, 4)
    answers = [
        module.create_masks_for_generate(config, torch.zeros(3, 5, 8), None, cache)
        for module, config, cache in zip((masks, masking_utils), (ours, theirs), pair, strict=True)
    ]
    if kinds is None:
        assert same(*answers)
        return
    assert set(answers[0]) == set(answers[1]) == set(kinds)
    assert all(same(answers[0][kind], answers[1][kind]) for kind in kinds)


def test_arrays_are_answers() -> None:
    ours, theirs = configs("eager", sliding_window=3)
    chunked(ours, theirs)
    array = torch.zeros(1, 1, 2, 2)
    for name in CAUSAL:
        assert getattr(masks, name)(ours, torch.zeros(1, 2, 8), array, None) is array
        assert getattr(masking_utils, name)(theirs, torch.zeros(1, 2, 8), array, None) is array


@pytest.mark.parametrize("name", [*CAUSAL, *BIDIRECTIONAL, "create_masks_for_generate"])
def test_parameters_are_the_published_ones(name: str) -> None:
    ours, theirs = (
        [(each.name, each.default) for each in inspect.signature(getattr(module, name)).parameters.values()]
        for module in (masks, masking_utils)
    )
    assert ours == [each for each in theirs if each[0] != "kwargs" or name == "create_masks_for_generate"]
    assert getattr(masks, name).__name__ == name


def test_what_a_config_lacks() -> None:
    config = bestiary.LlamaConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=1)
    with pytest.raises(ConfigError, match="LlamaConfig has no sliding_window"):
        masks.create_sliding_window_causal_mask(config, torch.zeros(1, 2, 8), None, None)
    with pytest.raises(ConfigError, match="LlamaConfig has no attention_chunk_size"):
        masks.create_chunked_causal_mask(config, torch.zeros(1, 2, 8), None, None)


def test_an_implementation_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    config, _ = configs("flex_attention", sliding_window=None)
    with pytest.raises(ArgumentError, match="no masks .* 'flex_attention'; use one of eager, sdpa"):
        masks.create_causal_mask(config, torch.zeros(1, 2, 8), None, None)
    monkeypatch.setattr(masks, "ALL_MASK_ATTENTION_FUNCTIONS", masks.AttentionMaskInterface())
    masks.AttentionMaskInterface.register("flex_attention", lambda **options: sorted(options))
    assert "mask_function" in masks.create_causal_mask(config, torch.zeros(1, 2, 8), None, None)
    assert masks.ALL_MASK_ATTENTION_FUNCTIONS.valid_keys() == ["eager", "sdpa", "flash_attention_2", "flex_attention"]


def test_a_mask_function_with_offsets() -> None:
    rows, keys = torch.arange(4)[:, None], torch.arange(6)[None]
    made = []
    for functions in (mask_functions, transformers.masking_utils):
        shifted = functions.add_offsets_to_mask_function(functions.causal_mask_function, 3, 1)
        made.append(shifted(0, 0, rows, keys))
    assert torch.equal(*made)
    assert made[0].any()
    assert not made[0].all()
