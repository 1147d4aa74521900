"""Layers of caches under the published names and calls: what others wrote for them works, and tells the same."""

import inspect
from typing import Any

import pytest
import torch
import transformers
from transformers import cache_utils as published

import bestiary
from bestiary.cache.kinds.dynamic import DynamicLayer
from bestiary.cache.kinds.recurrent import RecurrentLayer
from bestiary.cache.kinds.static import StaticLayer
from bestiary.cache.mixin_layer import CacheLayerMixin
from bestiary.core.errors import ArgumentError, InputError

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 19}


def layer_of(base: type) -> Any:
    """A layer as somebody writes one over the base of either library."""

    class Kept(base):
        def lazy_initialization(self, key_states: Any, value_states: Any) -> None:
            self.dtype_seen = key_states.dtype
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
            self.is_initialized = True

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            self.keys = torch.cat((self.keys, key_states), 2)
            self.values = torch.cat((self.values, value_states), 2)
            return self.keys, self.values

        def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
            return self.get_seq_length() + query_length, 0

        def get_seq_length(self) -> int:
            return self.keys.shape[2] if self.is_initialized else 0

        def get_max_length(self) -> int:
            return -1

    return Kept


def models() -> tuple[Any, Any]:
    torch.manual_seed(0)
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES)).eval()
    ours = bestiary.LlamaForCausalLM(bestiary.LlamaConfig(**SIZES)).eval()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def test_a_layer_of_somebody_else() -> None:
    ids = torch.tensor([[3, 5, 8], [4, 7, 6]])
    tokens = []
    caches = []
    for model, library, base in zip(models(), (bestiary, published), (CacheLayerMixin, published.CacheLayerMixin), strict=True):
        cache = library.Cache(layers=[layer_of(base)(), layer_of(base)()])
        options = {"do_sample": False, "max_new_tokens": 6, "pad_token_id": 0, "eos_token_id": None}
        tokens.append(model.generate(ids, past_key_values=cache, **options))
        caches.append(cache)
    assert torch.equal(*tokens)
    assert caches[0].get_seq_length() == caches[1].get_seq_length() == 8
    torch.testing.assert_close(caches[0].layers[1].keys, caches[1].layers[1].keys)
    with pytest.raises(InputError, match="a layer of this class does not say how"):
        caches[0].crop(2)
    copy = caches[0].batch_split(2, 1)[1]
    assert torch.equal(copy.layers[0].values, caches[0].layers[0].values[1:])
    caches[0].reset()
    assert not caches[0].layers[0].keys.any()


def test_what_a_layer_must_say_is_what_the_published_one_must() -> None:
    assert CacheLayerMixin.__abstractmethods__ == published.CacheLayerMixin.__abstractmethods__
    with pytest.raises(TypeError, match="abstract"):
        CacheLayerMixin()
    assert isinstance(DynamicLayer(), CacheLayerMixin)
    assert issubclass(StaticLayer, CacheLayerMixin)
    assert not isinstance(DynamicLayer(), layer_of(CacheLayerMixin))


def filled(library: Any, make: str) -> Any:
    torch.manual_seed(0)
    config = (bestiary if library is bestiary.cache else transformers).LlamaConfig(**SIZES)
    cache = library.DynamicCache(config=config) if make == "dynamic" else library.StaticCache(config, max_cache_len=8)
    for index in range(2):
        cache.update(torch.randn(3, 2, 5, 8), torch.randn(3, 2, 5, 8), index, {"cache_position": None}, further=1)
    return cache


TOLD = {
    "dynamic": "is_compileable is_croppable is_linear is_sliding is_initialized offloading",
    "static": "is_compileable is_linear is_sliding is_initialized offloading",
}
LAYER_TOLD = {
    "dynamic": "is_compileable is_croppable is_sliding is_initialized supports_early_init dtype device",
    "static": "is_compileable is_sliding is_initialized supports_early_init dtype device max_cache_len",
}


@pytest.mark.parametrize("kind", TOLD)
def test_a_cache_tells_what_the_published_one_does(kind: str) -> None:
    ours, theirs = filled(bestiary.cache, kind), filled(published, kind)
    assert repr(ours) == repr(theirs)
    assert repr(ours.layers[0]) == repr(theirs.layers[0])
    for names, mine, other in ((TOLD, ours, theirs), (LAYER_TOLD, ours.layers[1], theirs.layers[1])):
        for name in names[kind].split():
            assert getattr(mine, name) == getattr(other, name), name
    assert ours.get_query_offset(1) == int(theirs.get_query_offset(1)) == 5
    assert ours.layers[0].get_mask_sizes(2) == theirs.layers[0].get_mask_sizes(2)
    if kind == "static":
        assert ours.layers[0].cumulative_length == theirs.layers[0].cumulative_length == 5


@pytest.mark.parametrize("kind", TOLD)
def test_rows_of_a_layer(kind: str) -> None:
    ours, theirs = (filled(library, kind).layers[0] for library in (bestiary.cache, published))
    changes = [("reorder_cache", torch.tensor([2, 0, 0]))]
    if kind == "dynamic":
        changes += [("batch_repeat_interleave", 2), ("batch_select_indices", torch.tensor([5, 1]))]
    for method, argument in changes:
        getattr(ours, method)(argument)
        getattr(theirs, method)(argument)
        torch.testing.assert_close(ours.keys, theirs.keys)
        torch.testing.assert_close(ours.values, theirs.values)


def test_offloading_one_layer() -> None:
    cache = filled(bestiary.cache, "dynamic")
    before = cache.layers[1].keys.clone()
    cache.offload(1)
    assert cache.layers[1].device == torch.device("cpu")
    cache.prefetch(3)
    assert torch.equal(cache.layers[1].keys, before)


def test_an_offloaded_layer_knows_where_it_belongs() -> None:
    layer = filled(bestiary.cache, "dynamic").layers[0]
    keys = layer.keys.clone()
    layer.map_tensors(lambda tensor: tensor.to("meta"))
    with pytest.raises(NotImplementedError):  # torch cannot copy out what has no data: it was asked for the host's memory
        layer.offload()
    asked: list[torch.device] = []
    layer.map_tensors = lambda change: asked.append(change(keys).device)
    layer.offload()
    assert layer.device.type == "meta"
    layer.prefetch()
    assert [device.type for device in asked] == ["cpu", "meta"]


def test_of_recurrent_layers() -> None:
    cache = bestiary.cache.Cache(layers=[RecurrentLayer(), DynamicLayer()])
    assert cache.is_linear == [True, False]
    assert not cache.is_croppable
    assert not bestiary.cache.Cache(layers=[]).is_croppable


def test_a_pair_of_caches() -> None:
    pairs = [
        library.EncoderDecoderCache(library.DynamicCache(), library.DynamicCache()) for library in (bestiary.cache, published)
    ]
    assert repr(pairs[0]) == repr(pairs[1])
    pairs[0].check_dynamic_cache("crop")
    static = bestiary.EncoderDecoderCache(bestiary.DynamicCache(), filled(bestiary.cache, "static"))
    with pytest.raises(ArgumentError, match="batch_split needs a DynamicCache for both halves; found DynamicCache and StaticC"):
        static.check_dynamic_cache("batch_split")


def test_none_is_no_start() -> None:
    assert bestiary.DynamicCache(None).get_seq_length() == published.DynamicCache(None).get_seq_length() == 0
    default = inspect.signature(published.DynamicCache).parameters["ddp_cache_data"].default
    assert inspect.signature(bestiary.DynamicCache).parameters["ddp_cache_data"].default is default is None
