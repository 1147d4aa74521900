"""Every kind of cache that the folder holds behaves like plain concatenation, as far as it promises to."""

import copy

import pytest
import torch
import transformers
from kit.windowed import config_of
from transformers import DynamicCache as ReferenceDynamicCache

import bestiary
from bestiary.cache import DynamicCache, EncoderDecoderCache, StaticCache, build, implementations
from bestiary.core.errors import ArgumentError, CapacityError, ConfigError, InputError
from bestiary.core.logging import BestiaryWarning

LAYERS, ROWS, HEADS, SIZE = 2, 3, 2, 4
# Kinds whose layers keep every token as it is, with the options that make them do so here.
EXACT = {
    "dynamic": {},
    "dynamic_full": {},
    "hybrid": {},
    "offloaded": {},
    "offloaded_static": {},
    "offloaded_hybrid": {},
    "quantized": {"residual_length": 1000},
    "sink": {"window_length": 1000},
    "static": {},
}


def pairs(length, seed=0, rows=ROWS):
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(rows, HEADS, length, SIZE, generator=generator) for _ in range(2)] for _ in range(LAYERS)]


def fill(cache, chunks):
    """Write `pairs(sum(chunks))` in pieces; returns them."""
    whole, at = pairs(sum(chunks)), 0
    for size in chunks:
        for index, (keys, values) in enumerate(whole):
            cache.update(keys[:, :, at : at + size], values[:, :, at : at + size], index)
        at += size
    return whole


def held(cache):
    seen = cache.get_seq_length()
    return [(keys[:, :, :seen], values[:, :, :seen]) for keys, values, _ in cache]


def same(cache, expected):
    assert len(cache) == LAYERS
    for got, want in zip(held(cache), expected, strict=True):
        assert torch.equal(got[0], want[0])
        assert torch.equal(got[1], want[1])


@pytest.fixture(params=EXACT)
def cache(request):
    return build(request.param, None, 700, EXACT[request.param])


def test_every_kind_is_tested():
    own = {"quantized", "recurrent", "sink", "sliding_window"}  # in files of their own
    assert set(implementations()) <= set(EXACT) | own


def test_updates_join_up(cache):
    assert cache.get_seq_length() == 0
    assert cache.batch_size is None
    chunks = [5, 1, 1, 260, 1, 300]
    whole, at = pairs(sum(chunks)), 0
    for size in chunks:
        slots, first = cache.geometry(size)
        assert first == cache.position() == at
        assert cache.get_mask_sizes(size, 0) == (slots, 0)
        for index, (keys, values) in enumerate(whole):
            got, _ = cache.update(keys[:, :, at : at + size], values[:, :, at : at + size], index)
            assert got.shape[2] == slots
        at += size
        assert cache.get_seq_length() == at
        same(cache, [(k[:, :, :at], v[:, :, :at]) for k, v in whole])
    assert cache.batch_size == ROWS
    assert cache.nbytes() >= sum(k.nbytes + v.nbytes for k, v in whole)


@pytest.mark.parametrize(("by", "left"), [(4, 4), (-3, 4), (7, 7), (100, 7), (0, 0)])
def test_crop_then_continue(cache, by, left):
    whole = fill(cache, [7])
    assert cache.can_crop(left)
    cache.crop(by)
    assert cache.get_seq_length() == left
    same(cache, [(k[:, :, :left], v[:, :, :left]) for k, v in whole])
    more = pairs(2, seed=9)
    for index, (keys, values) in enumerate(more):
        cache.update(keys, values, index)
    expected = [[torch.cat([a[:, :, :left], b], 2) for a, b in zip(*two, strict=True)] for two in zip(whole, more, strict=True)]
    same(cache, expected)


def test_crop_of_more_than_there_is(cache):
    fill(cache, [3])
    with pytest.raises(InputError, match="last 4 tokens of a cache that has seen 3"):
        cache.crop(-4)


def test_rows_reorder_repeat_and_select(cache):
    whole = fill(cache, [4, 2])
    order = torch.tensor([2, 0, 0])
    cache.reorder_cache(order)
    same(cache, [(k[order], v[order]) for k, v in whole])
    cache.batch_repeat_interleave(2)
    order = order.repeat_interleave(2)
    same(cache, [(k[order], v[order]) for k, v in whole])
    cache.batch_select_indices(torch.tensor([5, 0]))
    same(cache, [(k[order][[5, 0]], v[order][[5, 0]]) for k, v in whole])
    cache.update(*pairs(1, rows=2)[0], 0)
    assert cache.get_seq_length() == 7


def test_rows_reorder_behind_what_they_share(cache):
    whole = [[tensor[:1].repeat(ROWS, 1, 1, 1) for tensor in pair] for pair in pairs(4)]
    more = pairs(2, seed=1)
    for pieces in (whole, more):
        for index, (keys, values) in enumerate(pieces):
            cache.update(keys, values, index)
    order = torch.tensor([2, 0, 0])
    cache.reorder_cache(order, since=4)
    same(cache, [[torch.cat([a, b[order]], 2) for a, b in zip(*two, strict=True)] for two in zip(whole, more, strict=True)])


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda cache: cache.copy()])
def test_copy_is_independent(cache, twin_of):
    whole = fill(cache, [4])
    twin = twin_of(cache)
    for index, (keys, values) in enumerate(pairs(3, seed=5)):
        twin.update(keys, values, index)
    same(cache, whole)
    assert (cache.get_seq_length(), twin.get_seq_length()) == (4, 7)


def test_reset(cache):
    fill(cache, [4])
    cache.reset()
    assert cache.get_seq_length() == 0
    same(cache, fill(cache, [2, 3]))


def test_filled_in_inference_mode_and_continued_outside(cache):
    with torch.inference_mode():
        fill(cache, [4])
    whole = pairs(4)
    for index, (keys, values) in enumerate(pairs(1, seed=3)):
        cache.update(keys, values, index)
        whole[index] = [torch.cat([a, b], 2) for a, b in zip(whole[index], (keys, values), strict=True)]
    same(cache, whole)


def test_legacy_round_trip_is_a_copy(cache):
    whole = fill(cache, [4, 1])
    legacy = cache.to_legacy_cache()
    again = DynamicCache.from_legacy_cache(legacy)
    legacy[0][0].zero_()
    same(again, whole)
    same(cache, whole)
    assert DynamicCache().key_cache == DynamicCache().value_cache == []
    assert [keys.shape for keys in again.key_cache] == [values.shape for values in again.value_cache] == [(3, 2, 5, 4)] * 2


def test_splits_and_joins(cache):
    whole = fill(cache, [3])
    parts = cache.batch_split(ROWS, 2)
    assert [part.batch_size for part in parts] == [2, 1]
    same(parts[0], [(k[:2], v[:2]) for k, v in whole])
    same(type(cache).from_batch_splits(parts), whole)
    parts[1].crop(2)
    with pytest.raises(InputError, match=r"caches that have seen \[3, 2\] tokens cannot be joined"):
        type(cache).from_batch_splits(parts)
    with pytest.raises(InputError, match="given no caches"):
        type(cache).from_batch_splits([])
    for rows, part in ((ROWS + 1, 2), (ROWS, 0), (ROWS, -1)):
        with pytest.raises(InputError, match=f"of {ROWS} rows cannot be split as {rows} rows into parts of {part}"):
            cache.batch_split(rows, part)
    with pytest.raises(TypeError, match="1.5 tokens; expected a whole number"):
        cache.crop(1.5)
    same(cache, whole)


def test_dynamic_shows_what_the_reference_shows():
    ours, theirs = DynamicCache(), ReferenceDynamicCache()
    fill(ours, [3, 1, 1])
    fill(theirs, [3, 1, 1])
    ours.crop(-2), theirs.crop(-2)
    ours.batch_repeat_interleave(2), theirs.batch_repeat_interleave(2)
    order = torch.tensor([5, 1, 1, 0, 2, 3])
    ours.reorder_cache(order), theirs.reorder_cache(order)
    for (keys, values, _), layer in zip(ours, theirs.layers, strict=True):
        assert torch.equal(keys, layer.keys)
        assert torch.equal(values, layer.values)


def test_dynamic_buffers_move_rarely():
    cache, addresses = DynamicCache(), set()
    fill(cache, [1])
    for _ in range(600):
        addresses.add(cache.update(*pairs(1)[0], 0)[0].data_ptr())
    assert len(addresses) <= 4


def test_dynamic_keeps_gradients():
    keys = torch.randn(1, 1, 2, 4, requires_grad=True)
    cache = DynamicCache()
    cache.update(keys, keys * 2, 0)
    got, _ = cache.update(torch.ones(1, 1, 1, 4), torch.ones(1, 1, 1, 4), 0)
    got.sum().backward()
    assert torch.equal(keys.grad, torch.ones_like(keys))
    cache.crop(1)
    before = keys.detach().clone()
    with torch.no_grad():
        cache.update(torch.zeros(1, 1, 1, 4), torch.zeros(1, 1, 1, 4), 0)
    assert torch.equal(keys.detach(), before)


def test_static_never_moves_and_says_when_it_is_full():
    cache = StaticCache(max_cache_len=6)
    fill(cache, [4])
    address = cache.layers[0].keys.data_ptr()
    cache.update(*pairs(1)[0], 0)
    cache.reorder_cache(torch.tensor([1, 0, 2]))
    assert cache.layers[0].keys.data_ptr() == address
    with pytest.raises(CapacityError, match="6 slots; 5 are taken and 2 more are needed: make it with max_cache_len=7"):
        cache.update(*pairs(2)[0], 0)
    with pytest.raises(CapacityError, match="6 slots"):
        cache.geometry(2)
    with pytest.raises(InputError, match="made for 3 rows and is given 2"):
        cache.update(*pairs(1, rows=2)[0], 0)
    assert cache.get_max_length() == cache.get_max_cache_shape() == 6


def test_a_kind_of_layer_that_does_not_exist():
    config = config_of(layer_types=["full_attention", "sliding_atention"])
    with pytest.raises(ConfigError, match="layer_types has 'sliding_atention'.*Did you mean 'sliding_attention'"):
        build("dynamic", config, 3)


def test_static_takes_the_room_at_once():
    config = config_of(layer_types=["full_attention", "sliding_attention"], sliding_window=4)
    cache = StaticCache(config=config, max_batch_size=ROWS, max_cache_len=10, device="cpu", dtype=torch.float64)
    assert [tuple(keys.shape) for keys, *_ in cache] == [(ROWS, 2, 10, 4), (ROWS, 2, 3, 4)]
    assert cache.layers[0].keys.dtype == torch.float64
    address = cache.layers[0].keys.data_ptr()
    keys = torch.randn(ROWS, 2, 5, 4, dtype=torch.float64)
    assert cache.update(keys, keys, 0)[0].data_ptr() == address
    with pytest.raises(ArgumentError, match="pass config besides max_batch_size"):
        StaticCache(max_cache_len=10, max_batch_size=2)


def test_static_compiles_once():
    cache, compilations = StaticCache(max_cache_len=8), []

    def backend(graph, example_inputs):
        compilations.append(1)
        return graph.forward

    def step(keys, cache):
        slots, first = cache.geometry(keys.shape[2])
        seen, _ = cache.update(keys, keys, 0)
        visible = torch.arange(slots) <= first
        return (seen.sum((0, 1, 3)) * visible).sum()

    compiled = torch.compile(step, backend=backend, fullgraph=True)
    cache.update(torch.ones(1, 1, 2, 1), torch.ones(1, 1, 2, 1), 0)
    sums = [float(compiled(torch.ones(1, 1, 1, 1), cache)) for _ in range(5)]
    assert sums == [3, 4, 5, 6, 7]
    assert len(compilations) == 1
    assert cache.get_seq_length() == 7


def test_encoder_decoder_pair():
    cache = EncoderDecoderCache(DynamicCache(), StaticCache(max_cache_len=5))
    whole = fill(cache, [2, 1])
    cross = pairs(5, seed=4)
    for index, (keys, values) in enumerate(cross):
        cache.cross_attention_cache.update(keys, values, index)
        cache.is_updated[index] = True
    assert cache.get_seq_length() == 3
    assert cache.geometry(2) == (5, 3)
    order = torch.tensor([1, 1, 0])
    cache.reorder_cache(order)
    cache.crop(2)
    again = EncoderDecoderCache.from_legacy_cache(cache.to_legacy_cache())
    assert again.is_updated == {0: True, 1: True}
    for got in (cache, again):
        assert got.get_seq_length() == 2
        for (k, v, _, ck, cv, _), (wk, wv), (wck, wcv) in zip(got, whole, cross, strict=True):
            assert torch.equal(k, wk[order][:, :, :2])
            assert torch.equal(v, wv[order][:, :, :2])
            assert torch.equal(ck, wck[order])
            assert torch.equal(cv, wcv[order])
    parts = cache.batch_split(ROWS, 1)
    joined = EncoderDecoderCache.from_batch_splits(parts)
    with pytest.raises(InputError, match="given no caches"):
        EncoderDecoderCache.from_batch_splits([])
    for got, want in zip(joined.to_legacy_cache(), cache.to_legacy_cache(), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("kind", ["dynamic", "static", "offloaded", "quantized"])
def test_encoder_output_is_projected_once_and_read_by_any_kind(kind):
    cache = EncoderDecoderCache(DynamicCache(), build(kind, None, 9))
    made, calls = pairs(5)[0], []

    def project():
        calls.append(1)
        return made

    for _ in range(3):
        keys, values = cache.cross(0, project)
        assert torch.equal(keys, made[0])
        assert torch.equal(values, made[1])
    assert len(calls) == 1


def test_unknown_kinds_and_options_are_refused():
    with pytest.raises(ArgumentError, match="Did you mean 'static'"):
        build("statik", None, 4)
    with pytest.raises(ArgumentError, match="unknown cache_implementation 'base'"):
        build("base", None, 4)
    with pytest.raises(ArgumentError, match="Did you mean 'max_cache_len'"):
        build("static", None, 4, {"max_cach_len": 8})
    assert build("static", None, 4, {"max_cache_len": 8}).max_cache_len == 8


@pytest.mark.parametrize("kind", ["static", "sliding_window", "offloaded_static", "hybrid"])
def test_layers_of_fixed_room_are_there_from_the_start(kind):
    config = config_of(layer_types=["sliding_attention", "full_attention"], sliding_window=4)
    cache = build(kind, config, 8)
    assert [len(cache), cache.key_cache, cache.get_seq_length(), cache.layers[0].keys] == [2, [], 0, None]
    assert cache.is_sliding == [True, False]
    keys = torch.randn(1, 2, 3, 4)
    cache.update(keys, keys, 0, {"cache_position": torch.arange(3)})  # the fourth is what older models pass
    assert torch.equal(cache.read(0)[0], keys)
    assert len(cache.key_cache) == 1


@pytest.mark.parametrize(
    ("name", "fields"),
    [("Llama", {"num_hidden_layers": 2}), ("Mistral", {"num_hidden_layers": 3, "sliding_window": 4}), ("GPT2", {"n_layer": 4})],
)
def test_a_dynamic_cache_has_the_layers_of_its_config_before_the_first_step(name: str, fields: dict[str, int]) -> None:
    ours, theirs = (
        library.DynamicCache(config=getattr(library, f"{name}Config")(**fields)) for library in (bestiary, transformers)
    )
    for one in (ours, theirs):
        assert [layer.keys for layer in one.layers] == [None] * len(theirs)
    assert ours.is_sliding == theirs.is_sliding
    assert [len(ours), ours.get_seq_length(), ours.key_cache] == [len(theirs), theirs.get_seq_length(), []]


def test_room_taken_at_once_can_be_looked_at():
    cache = StaticCache(config_of(), 8, max_batch_size=3)
    assert [tensor.shape[::2] for tensor in cache.key_cache] == [(3, 8)] * len(cache)
    assert not any(tensor.any() for tensor in (*cache.key_cache, *cache.value_cache))
    with pytest.warns(BestiaryWarning, match="without it the first step decides"):
        StaticCache(config_of(), 8, dtype=torch.float16)
