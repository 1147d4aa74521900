"""The published ways to use one cache over several calls, with every kind of cache."""

import copy

import pytest
import torch
from kit.filled import fill
from kit.windowed import RecurrentForCausalLM, WindowedForCausalLM, config_of, filled

from bestiary.cache import DynamicCache, MambaCache, OffloadedStaticCache, QuantizedCacheConfig, StaticCache, build
from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.generation import GenerationConfig
from bestiary.models.llama.model import LlamaForCausalLM

KINDS = {
    "dynamic": {}, "dynamic_full": {}, "hybrid": {}, "offloaded": {}, "offloaded_hybrid": {}, "offloaded_static": {},
    "quantized": {"residual_length": 200}, "sliding_window": {}, "static": {},
}  # fmt: skip
DRAW = torch.Generator().manual_seed(5)


def words(count):
    return torch.randint(3, 64, (1, count), generator=DRAW)


@pytest.fixture(scope="module")
def model():
    return filled(WindowedForCausalLM, config_of(sliding_window=6, layer_types=["sliding_attention", "full_attention"]))


@pytest.fixture(scope="module")
def recurrent():
    return fill(RecurrentForCausalLM(config_of()), scale=1.5)


def cache_of(kind, model, length=200):
    return MambaCache() if kind == "mamba" else build(kind, model.config, length, KINDS[kind])


@pytest.mark.parametrize("kind", [*KINDS, "mamba"])
def test_a_chat_in_one_cache(kind, model, recurrent):
    """Turns longer than the window; only what is new is computed."""
    talker = recurrent if kind == "mamba" else model
    cache, talk, given = cache_of(kind, talker), words(9), []
    hook = talker.get_input_embeddings().register_forward_hook(lambda module, inputs, output: given.append(inputs[0].shape[1]))
    for turn, (more, new) in enumerate([(20, 5), (1, 1), (15, 9), (3, 4)]):
        talk = torch.cat([talk, words(more)], dim=1)
        held = cache.get_seq_length()
        given.clear()
        answer = talker.generate(talk, past_key_values=cache, max_new_tokens=new)
        assert sum(given) == talk.shape[1] - held + new - 1, f"turn {turn}"
        assert torch.equal(answer, talker.generate(talk, max_new_tokens=new, use_cache=False))
        assert cache.get_seq_length() == answer.shape[1] - 1
        talk = answer
    hook.remove()


@pytest.mark.parametrize("kind", [*KINDS, "mamba"])
def test_a_filled_cache_serves_several_prompts(kind, model, recurrent):
    talker = recurrent if kind == "mamba" else model
    shared = words(30)
    cache = cache_of(kind, talker)
    with torch.no_grad():
        cache = talker(shared, past_key_values=cache).past_key_values
    for count in (1, 12):
        prompt = torch.cat([shared, words(count)], dim=1)
        answer = talker.generate(prompt, past_key_values=copy.deepcopy(cache), max_new_tokens=9)
        assert torch.equal(answer, talker.generate(prompt, max_new_tokens=9, use_cache=False))
    assert cache.get_seq_length() == 30


@pytest.mark.parametrize("kind", [*KINDS, "mamba"])
def test_a_prompt_that_is_all_there(kind, model, recurrent):
    """Its last token must run again; where that cannot be taken back, all run again, and the caller is told."""
    talker = recurrent if kind == "mamba" else model
    prompt, cache = words(30), cache_of(kind, talker)
    with torch.no_grad():
        talker(prompt, past_key_values=cache)
    expected = talker.generate(prompt, max_new_tokens=9, use_cache=False)
    if cache.can_crop(29):
        assert torch.equal(talker.generate(prompt, past_key_values=cache, max_new_tokens=9), expected)
    else:
        assert kind in ("mamba", "hybrid", "offloaded_hybrid", "offloaded_static", "sliding_window", "static")
        with pytest.warns(BestiaryWarning, match="holds the 30 tokens of the prompt and cannot go back by one"):
            assert torch.equal(talker.generate(prompt, past_key_values=cache, max_new_tokens=9), expected)
    assert cache.get_seq_length() == 38


def test_a_loop_by_hand(model):
    ids, cache = words(12), DynamicCache()
    mask, fed, made = torch.ones_like(ids), ids, ids
    for _ in range(15):
        with torch.no_grad():
            logits = model(fed, attention_mask=mask, past_key_values=cache, use_cache=True).logits
        fed = logits[:, -1:].argmax(-1)
        made, mask = torch.cat([made, fed], 1), torch.cat([mask, mask[:, :1]], 1)
    assert torch.equal(made, model.generate(ids, max_new_tokens=15))


def test_the_legacy_format(model):
    full = filled(LlamaForCausalLM, config_of())
    call = {"max_new_tokens": 5, "return_dict_in_generate": True}
    out = full.generate(words(9), **call, return_legacy_cache=True)
    assert isinstance(out.past_key_values, tuple)
    again = DynamicCache.from_legacy_cache(out.past_key_values)
    assert again.get_seq_length() == 13
    for pair, kept in zip(again.to_legacy_cache(), out.past_key_values, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(pair, kept, strict=True))
    more = full.generate(out.sequences, past_key_values=out.past_key_values, max_new_tokens=4)
    assert torch.equal(more, full.generate(out.sequences, max_new_tokens=4))


def test_an_older_order_of_arguments_is_noticed():
    with pytest.raises(ArgumentError, match="offloading is 1024; expected a boolean"):
        StaticCache(config_of(), 1, 1024)
    with pytest.raises(ArgumentError, match="offload_device is 'disk'"):
        OffloadedStaticCache(config_of(), max_cache_len=8, offload_device="disk")
    with pytest.raises(ArgumentError, match="pass max_batch_size too"):
        MambaCache(config_of(), dtype=torch.float16)
    cache = MambaCache(config_of(intermediate_size=6, conv_kernel=4, state_size=3), max_batch_size=2, dtype=torch.float16)
    assert [tuple(x.shape) for x in (*cache.conv_states, *cache.ssm_states)] == [(2, 6, 4)] * 2 + [(2, 6, 3)] * 2
    assert cache.ssm_states[0].dtype == torch.float16


def test_options_survive_a_file(model, tmp_path):
    settings = GenerationConfig(
        cache_implementation="quantized", cache_config=QuantizedCacheConfig(nbits=8, compute_dtype=torch.float16)
    )
    settings.save_pretrained(tmp_path)
    back = GenerationConfig.from_pretrained(tmp_path)
    out = model.generate(words(9), back, max_new_tokens=3, return_dict_in_generate=True)
    assert out.past_key_values.settings.nbits == 8
    assert out.past_key_values.settings.compute_dtype == torch.float16


def test_another_number_of_rows_is_refused(model):
    full = filled(LlamaForCausalLM, config_of())
    with torch.no_grad():
        cache = full(words(9)).past_key_values
    with pytest.raises(InputError, match="the cache holds 1 rows and the prompt has 2"):
        full.generate(words(12).repeat(2, 1), past_key_values=cache)
    cache.layers[0].crop(0), cache.layers[0].update(*[torch.ones(1, 2, 265, 4)] * 2)
    with pytest.raises(InputError, match="the cache holds 1 rows and is given 2"):
        cache.update(torch.ones(2, 2, 1, 4), torch.ones(2, 2, 1, 4), 0)
    with pytest.raises(ArgumentError, match="cache_config is 5; expected a dictionary"):
        full.generate(words(9), cache_implementation="quantized", cache_config=5)
