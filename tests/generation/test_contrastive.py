"""Contrastive search gives the tokens and scores of release 4.46.3 of the reference."""

import pytest
import torch
from kit import cases_contrastive_dola as golden

from bestiary.cache import DynamicCache, StaticCache
from bestiary.core.errors import ArgumentError, CapacityError, ConfigError

CASES = [index for index, (_, _, options) in enumerate(golden.CASES) if "penalty_alpha" in options]


@pytest.mark.parametrize("low_memory", [False, True])
@pytest.mark.parametrize("index", CASES, ids=lambda index: str(golden.CASES[index]))
def test_golden(index, low_memory):
    name, rows, options = golden.CASES[index]
    options = {**options, "low_memory": low_memory}
    result = golden.ours(name).generate(
        **golden.inputs(name, rows), **options, return_dict_in_generate=True, output_scores=True, output_logits=True
    )
    golden.same(index, result)


def search(name="llama", rows=3, **options):
    given = {"max_new_tokens": 10, "eos_token_id": None, "penalty_alpha": 0.6, "top_k": 4, **options}
    return golden.ours(name).generate(**golden.inputs(name, rows), **given)


@pytest.mark.parametrize("low_memory", [False, True])
@pytest.mark.parametrize("name", ["llama", "t5"])
def test_the_cache_that_comes_back_goes_on(name, low_memory):
    """It holds all tokens but the last, in as many rows as were given, whichever cache it is."""
    for more in ({}, {"cache_implementation": "static"}):
        result = search(name, low_memory=low_memory, return_dict_in_generate=True, output_hidden_states=True, **more)
        cache = result.past_key_values
        assert cache.batch_size == 3
        assert cache.get_seq_length() == result.sequences.shape[1] - 1
        model = golden.ours(name)
        plain = {"max_new_tokens": 4, "eos_token_id": None}
        if name == "t5":
            given = {**golden.inputs(name, 3), "decoder_input_ids": result.sequences}
        else:
            mask = golden.inputs(name, 3)["attention_mask"]
            given = {"input_ids": result.sequences, "attention_mask": torch.nn.functional.pad(mask, (0, 10), value=1)}
        if not more:
            assert torch.equal(model.generate(**given, past_key_values=cache, **plain), model.generate(**given, **plain))
        states = result.get("decoder_hidden_states", result.get("hidden_states"))
        first = 1 if name == "t5" else 7
        assert [step[-1].shape[:2] for step in states] == [(3, first), *[(3, 1)] * 9]


def test_hidden_states_are_those_of_a_plain_forward():
    result = search(rows=1, return_dict_in_generate=True, output_hidden_states=True)
    mask = torch.ones_like(result.sequences)
    whole = golden.ours("llama")(result.sequences, mask, output_hidden_states=True, use_cache=False)
    for layer in range(7):
        got = torch.cat([step[layer] for step in result.hidden_states], 1)
        torch.testing.assert_close(got, whole.hidden_states[layer][:, :-1], rtol=1e-4, atol=1e-4)


def test_streamed_and_nearer_settings():
    model = golden.ours("llama")
    steps = list(
        model.generate_steps(**golden.inputs("llama", 3), penalty_alpha=0.6, top_k=4, max_new_tokens=6, eos_token_id=None)
    )
    assert torch.equal(torch.stack([step.tokens for step in steps], 1), search(max_new_tokens=6)[:, 7:])
    given = golden.inputs("llama", 1)
    before = model.generation_config
    try:
        model.generation_config = type(before)(**{**before.to_dict(), "penalty_alpha": 0.6, "top_k": 4})
        kept = model.generate(**given, max_new_tokens=10, eos_token_id=None)
        drawn = model.generate(**given, max_new_tokens=10, eos_token_id=None, do_sample=True, seed=3)
    finally:
        model.generation_config = before
    assert torch.equal(kept, search(rows=1))
    assert torch.equal(drawn, model.generate(**given, max_new_tokens=10, eos_token_id=None, do_sample=True, top_k=4, seed=3))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"top_k": 1}, ConfigError, "penalty_alpha=0.6 .*top_k is 1"),
        ({"penalty_alpha": 1.5}, ConfigError, "penalty_alpha is 1.5"),
        ({"do_sample": True}, ConfigError, "do_sample=True and penalty_alpha=0.6"),
        ({"num_beams": 2}, ConfigError, "num_beams=2 .*penalty_alpha=0.6"),
        ({"use_cache": False}, ArgumentError, "penalty_alpha.* and use_cache=False"),
        ({"past_key_values": StaticCache(None, 16)}, CapacityError, "16 tokens; contrastive search takes up to 17"),
    ],
)
def test_refused(options, error, message):
    with pytest.raises(error, match=message):
        search(**options)


def test_a_cache_without_states_is_refused():
    cache = DynamicCache()
    model, given = golden.ours("llama"), golden.inputs("llama", 1)
    model(given["input_ids"][:, :4], past_key_values=cache)
    with pytest.raises(ArgumentError, match="the cache holds 4 tokens"):
        search(rows=1, past_key_values=cache)
