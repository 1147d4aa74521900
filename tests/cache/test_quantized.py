"""Tokens in few bits: how far numbers move, which stay as they are, and what generation makes of it."""

import pytest
import torch
from kit.families import pair
from kit.filled import fill
from kit.windowed import config_of

from bestiary.cache import (
    DynamicCache,
    HQQQuantizedCache,
    QuantizedCache,
    QuantizedCacheConfig,
    QuantoQuantizedCache,
    build,
)
from bestiary.core.errors import ArgumentError, ConfigError, CorruptFile, InputError, MissingDependency
from bestiary.core.optional import available
from bestiary.models.llama.model import LlamaForCausalLM

SMALL = {"q_group_size": 8, "residual_length": 6}


def random(tokens, channels=16, seed=0, dtype=torch.float32):
    scale = torch.tensor([1.0, 50.0, 0.01, 3.0]).repeat(channels // 4)  # channels of very different size, as keys have
    return (torch.randn(2, 3, tokens, channels, generator=torch.Generator().manual_seed(seed)) * scale + 0.3).to(dtype)


def bound(x, nbits, axis, group):
    """The stated bound for each number: the range of its group / (2 * (2^nbits - 1))."""
    dim = 3 if axis == 0 else 2
    size = min(group, x.shape[3]) if axis == 0 else group
    grouped = x.double().unflatten(dim, (-1, size))
    spread = grouped.amax(dim + 1, keepdim=True) - grouped.amin(dim + 1, keepdim=True)
    return (spread / (2 * (2**nbits - 1))).expand_as(grouped).reshape(x.shape)


@pytest.mark.parametrize("nbits", [2, 4, 8])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_stay_within_the_stated_error(nbits, axis, dtype):
    cache = QuantizedCache(nbits=nbits, axis_key=axis, axis_value=0, **SMALL)
    keys, values = random(40, dtype=dtype), random(40, seed=1, dtype=dtype)
    shown = cache.update(keys, values, 0)
    assert torch.equal(shown[0], keys), "the tokens of one call see each other exactly"
    shown = cache.update(keys[:, :, :1], values[:, :, :1], 0)
    packed = 32  # of 40, in blocks of 8, with at least 6 left
    for got, want, along in zip(shown, (keys, values), (axis, 0), strict=True):
        assert got.dtype == dtype
        assert torch.equal(got[:, :, packed:40], want[:, :, packed:])
        error = (got[:, :, :packed].double() - want[:, :, :packed].double()).abs()
        rounding = 1e-6 if dtype == torch.float32 else 2**-8
        stated = bound(want[:, :, :packed], nbits, along, 8) * (1 + 1e-5)
        allowed = stated + rounding * (want[:, :, :packed].double().abs() + stated)
        assert bool((error <= allowed).all())
        assert float(error.max()) > 0


def test_the_axis_that_hqq_calls_1_is_ours_0():
    keys = random(24)
    caches = [build("quantized", None, 4, QuantizedCacheConfig(axis_key=axis, axis_value=axis, **SMALL)) for axis in (0, 1)]
    for cache in caches:
        cache.update(keys, -keys, 0)
    assert all(torch.equal(of_0, of_1) for of_0, of_1 in zip(caches[0][0], caches[1][0], strict=True))


def test_constant_groups_are_exact():
    cache = QuantizedCache(nbits=2, q_group_size=4, residual_length=0)
    ones = torch.full((1, 1, 8, 4), 0.37)
    cache.update(ones, ones, 0)
    assert torch.equal(cache[0][0], ones)


@pytest.mark.parametrize(("nbits", "at_most"), [(8, 0.35), (4, 0.22), (2, 0.16)])
def test_memory(nbits, at_most):
    cache, plain = QuantizedCache(nbits=nbits), DynamicCache()
    for part in random(8192, 64).split(1024, dim=2):
        cache.update(part, part, 0), plain.update(part, part, 0)
    assert cache.nbytes() < at_most * plain.nbytes()


def test_a_token_is_packed_once():
    """However long the text grows, the error does not."""
    cache = QuantizedCache(nbits=4, axis_key=-1, **SMALL)
    keys = random(200)
    cache.update(keys[:, :, :30], keys[:, :, :30], 0)
    early = cache[0][0][:, :, :16].clone()
    for at in range(30, 200):
        cache.update(keys[:, :, at : at + 1], keys[:, :, at : at + 1], 0)
    assert torch.equal(cache[0][0][:, :, :16], early)
    assert torch.equal(cache[0][0][:, :, -6:], keys[:, :, -6:])


def test_chunks_end_in_the_same_state():
    keys = random(50)
    whole, parts = QuantizedCache(**SMALL), QuantizedCache(**SMALL)
    whole.update(keys, keys, 0)
    for part in keys.split([20, 1, 5, 24], dim=2):
        slots, first = parts.geometry(part.shape[2])
        shown, _ = parts.update(part, part, 0)
        assert (shown.shape[2], first) == (slots, slots - part.shape[2])
    assert torch.equal(whole[0][0], parts[0][0])


@pytest.mark.parametrize("length", [45, 44, 40, 33, 32, 7, 0])
def test_crop(length):
    cache, keys = QuantizedCache(**SMALL), random(46)
    cache.update(keys, keys, 0)
    before = cache[0][0].clone()
    cache.crop(length)
    assert cache.get_seq_length() == length
    torch.testing.assert_close(cache[0][0], before[:, :, :length], rtol=1e-5, atol=1e-5)  # packed anew to the same codes
    cache.update(keys[:, :, :1], keys[:, :, :1], 0)
    assert cache[0][0].shape[2] == length + 1


def test_rows_move_without_new_errors():
    cache, keys = QuantizedCache(**SMALL), random(46)
    cache.update(keys, -keys, 0)
    before = [part.clone() for part in cache[0]]
    order = torch.tensor([1, 0, 0])
    cache.reorder_cache(order)
    assert all(torch.equal(now, then[order]) for now, then in zip(cache[0], before, strict=True))
    assert [part.batch_size for part in cache.batch_split(3, 2)] == [2, 1]
    joined = QuantizedCache.from_batch_splits(cache.batch_split(3, 1))
    assert all(torch.equal(now, then) for now, then in zip(joined[0], cache[0], strict=True))


def test_what_is_no_state_is_refused():
    cache = QuantizedCache(**SMALL)
    cache.update(random(46), random(46), 0)
    tensors, numbers = cache.layers[0].state()
    with pytest.raises(CorruptFile, match="packed and 6 plain tokens are not 50"):
        cache.layers[0].restore(tensors, {**numbers, "seen": 50})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nbits": 3}, r"nbits is 3; the backend 'native' offers \(2, 4, 8\)"),
        ({"axis_key": 2}, r"axis_key is 2; the backend 'native' offers \(0, -1, 1\)"),
        ({"backend": "HQQ", "axis_value": -1}, r"axis_value is -1; the backend 'HQQ' offers \(0, 1\)"),
        ({"backend": "quanto", "nbits": 8}, r"nbits is 8; the backend 'quanto' offers \(2, 4\)"),
        ({"backend": "quant"}, "Did you mean 'quanto'"),
        ({"q_group_size": 0}, "q_group_size is 0; expected a number from 1"),
        ({"residual_length": -1}, "residual_length is -1"),
        ({"compute_dtype": "int8"}, "compute_dtype is 'int8'"),
    ],
)
def test_options_are_checked(options, said):
    with pytest.raises(ConfigError, match=said):
        build("quantized", None, 4, options)
    with pytest.raises(ConfigError, match=said):
        QuantizedCacheConfig(**options)


def test_heads_that_fill_no_bytes_are_refused():
    with pytest.raises(InputError, match="heads of 6 channels cannot be packed in 2 bits"):
        QuantizedCache(nbits=2, q_group_size=2, residual_length=0).update(torch.ones(1, 1, 4, 6), torch.ones(1, 1, 4, 6), 0)


def test_documented_defaults():
    expected = {"nbits": 4, "axis_key": 0, "axis_value": 0, "q_group_size": 64, "residual_length": 128}
    for backend, axis in (("native", 0), ("quanto", 0), ("HQQ", 1)):
        options = QuantizedCache(backend).options()
        assert options == {**expected, "axis_key": axis, "axis_value": axis, "backend": backend, "compute_dtype": "float32"}
    assert QuantizedCacheConfig().options() == {"backend": "native"}
    assert build("quantized", None, 4, QuantizedCacheConfig(nbits=2)).settings.nbits == 2
    with pytest.raises(ArgumentError, match="Did you mean 'nbits'"):
        build("quantized", None, 4, {"nbit": 2})


PROMPTS = torch.randint(3, 64, (3, 20), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model():
    return fill(LlamaForCausalLM(config_of(head_dim=8)))


@pytest.mark.parametrize("axis", [0, -1])
def test_generation_in_eight_bits(model, axis):
    options = {"nbits": 8, "axis_key": axis, "q_group_size": 4, "residual_length": 4}
    mask = torch.ones_like(PROMPTS)
    mask[1, :5] = 0
    call = {"attention_mask": mask, "max_new_tokens": 30, "output_logits": True, "return_dict_in_generate": True}
    got = model.generate(PROMPTS, cache_implementation="quantized", cache_config=options, **call)
    plain = model.generate(PROMPTS, **call)
    assert torch.equal(got.sequences, plain.sequences)
    difference = max(float((a - b).abs().max()) for a, b in zip(got.logits, plain.logits, strict=True))
    assert 0 < difference < 0.1
    assert isinstance(got.past_key_values, QuantizedCache)


def test_short_texts_are_exact_and_objects_work(model):
    plain = model.generate(PROMPTS, max_new_tokens=30)
    assert torch.equal(plain, model.generate(PROMPTS, max_new_tokens=30, past_key_values=QuantizedCache(nbits=2)))
    config = QuantizedCacheConfig(nbits=8, q_group_size=4, residual_length=8)
    assert torch.equal(plain, model.generate(PROMPTS, max_new_tokens=30, cache_implementation="quantized", cache_config=config))


def test_beams_and_drafts(model):
    options = {"cache_implementation": "quantized", "cache_config": {"nbits": 8, "q_group_size": 4, "residual_length": 4}}
    for call in ({"num_beams": 3}, {"prompt_lookup_num_tokens": 3}):
        assert torch.equal(model.generate(PROMPTS[:1], **call, **options), model.generate(PROMPTS[:1], **call))


def test_encoder_decoder():
    models = pair("t5", "T5ForConditionalGeneration")
    options = {"cache_implementation": "quantized", "cache_config": {"nbits": 8, "q_group_size": 4, "residual_length": 4}}
    ids = models.inputs["input_ids"]
    call = {"attention_mask": models.inputs["attention_mask"], "max_new_tokens": 20, "eos_token_id": None}
    assert torch.equal(models.ours.generate(ids, **call, **options), models.ours.generate(ids, **call))


@pytest.mark.filterwarnings("ignore")  # of the packages themselves
@pytest.mark.parametrize(
    ("make", "package", "step"),
    [(QuantoQuantizedCache, "optimum", 15), (HQQQuantizedCache, "hqq", 15)],
    ids=["quanto", "HQQ"],
)
def test_packages(make, package, step, model):
    if not available(package):
        with pytest.raises(MissingDependency, match=package):
            make(**SMALL).update(random(46), random(46), 0)
        pytest.skip(f"{package} is not installed: that it is named was tested")
    cache, keys = make(QuantizedCacheConfig(q_group_size=8), residual_length=6), random(46)
    cache.update(keys, -keys, 0)
    got = cache[0][0]
    assert torch.equal(got[:, :, 40:], keys[:, :, 40:])
    spread = float(keys.max() - keys.min())
    assert 0 < float((got - keys).abs().max()) <= spread / step
    before = got.clone()
    cache.reorder_cache(torch.tensor([1, 0, 0]))
    torch.testing.assert_close(cache[0][0], before[[1, 0, 0]], rtol=1e-3, atol=0.05 * spread)
    out = model.generate(PROMPTS, max_new_tokens=5, past_key_values=make(q_group_size=8, residual_length=6))
    assert out.shape == (3, 25)
