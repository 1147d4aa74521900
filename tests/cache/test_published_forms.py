"""Caches are made of layers, and taken apart, as in the reference."""

from typing import Any

import pytest
import torch
import transformers.cache_utils as published

import bestiary.cache as ours
from bestiary.cache.kinds import dynamic, sliding_window, static
from bestiary.core.errors import InputError

KEYS = torch.arange(24.0).view(1, 2, 3, 4)
LAYERS: dict[str, tuple[Any, dict[str, int]]] = {
    "DynamicLayer": (dynamic.DynamicLayer, {}),
    "DynamicSlidingWindowLayer": (sliding_window.SlidingWindowLayer, {"sliding_window": 3}),
    "StaticLayer": (static.StaticLayer, {"max_cache_len": 5}),
    "StaticSlidingWindowLayer": (static.StaticSlidingWindowLayer, {"max_cache_len": 5, "sliding_window": 3}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_cache_of_layers(name: str) -> None:
    kind, options = LAYERS[name]
    caches: list[Any] = [
        ours.Cache(layers=[kind(**options), kind(**options)]),
        published.Cache(layers=[getattr(published, name)(**options) for _ in range(2)]),
    ]
    for cache in caches:
        for layer_idx in range(2):
            for new in (KEYS, KEYS[:, :, :1] * 2):
                keys, _ = cache.update(new, -new, layer_idx)
        assert cache.get_seq_length() == 4
        assert torch.equal(keys[:, :, :1], KEYS[:, :, 1:2] if "Window" in name else KEYS[:, :, :1])
    assert caches[0].is_sliding == caches[1].is_sliding


def test_layers_are_made_as_they_are_needed() -> None:
    for library, kind in ((ours, dynamic.DynamicLayer), (published, published.DynamicLayer)):
        cache: Any = library.Cache(layer_class_to_replicate=kind)
        cache.update(KEYS, KEYS, 1)
        assert (len(cache), cache.get_seq_length(1)) == (2, 3)
    with pytest.raises(InputError, match="made of 1 layers and has none at 1"):
        ours.Cache(layers=[dynamic.DynamicLayer()]).update(KEYS, KEYS, 1)


def test_what_iterating_gives_makes_the_cache_again() -> None:
    for library in (ours, published):
        cache: Any = library.DynamicCache([(KEYS, -KEYS, None), (KEYS, -KEYS, torch.tensor(7))])
        triples = list(cache)
        assert [None if number is None else int(number) for *_, number in triples] == [None, 7]
        again = library.DynamicCache(triples)
        assert again.is_sliding == [False, True]
        assert torch.equal(again.layers[1].values, -KEYS)
        assert [len(six) for six in library.EncoderDecoderCache(again, cache)] == [6, 6]


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_takes_what_older_models_pass_beside_keys(name: str) -> None:
    kind, options = LAYERS[name]
    for make in (kind, getattr(published, name)):
        layer = make(**options)
        assert not layer.is_initialized
        layer.lazy_initialization(KEYS, KEYS)
        assert layer.is_initialized
        assert layer.get_seq_length() == 0
        layer.update(KEYS[:, :, :2], KEYS[:, :, :2], {"cache_position": torch.arange(2)})
        keys, values = layer.update(KEYS[:, :, 2:], -KEYS[:, :, 2:], cache_kwargs={"sin": None})
        assert torch.equal(keys[:, :, :3], KEYS)
        assert torch.equal(values[:, :, 2], -KEYS[:, :, 2])


@pytest.mark.parametrize("library", [dynamic, published], ids=["ours", "published"])
def test_a_layer_of_somebody_sets_keys_and_values(library: Any) -> None:
    class Recent(library.DynamicLayer):  # type: ignore[name-defined, misc]
        """Keeps two tokens."""

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            self.keys = torch.cat([self.keys, key_states], dim=-2)[:, :, -2:]
            self.values = torch.cat([self.values, value_states], dim=-2)[:, :, -2:]
            return self.keys, self.values

    layer = Recent()
    layer.update(KEYS, -KEYS)
    keys, values = layer.update(KEYS[:, :, :1], -KEYS[:, :, :1])
    assert torch.equal(keys, KEYS[:, :, [2, 0]])
    assert torch.equal(values, -keys)
    assert layer.get_seq_length() == 2


@pytest.mark.parametrize("library", [ours, published], ids=["ours", "published"])
def test_a_cache_says_whether_it_holds_anything(library: Any) -> None:
    cache = library.DynamicCache()
    assert not cache.is_initialized
    cache.update(KEYS, KEYS, 0)
    assert cache.is_initialized
