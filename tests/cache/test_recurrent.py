"""States of recurrent layers: kept, moved, never cut; and caches that hold them beside keys."""

import pytest
import torch
from kit.filled import fill
from kit.windowed import RecurrentForCausalLM, config_of

from bestiary.cache import DynamicCache, MambaCache, RecurrentLayer, build
from bestiary.core.errors import ArgumentError, InputError
from bestiary.models.llama.model import LlamaForCausalLM

PROMPTS = torch.randint(3, 64, (3, 12), generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def model():
    return fill(RecurrentForCausalLM(config_of()), scale=1.5)


@pytest.mark.parametrize("chunks", [[1] * 9, [2, 7], [5, 1, 3]], ids=str)
def test_convolution_keeps_the_newest_inputs(chunks):
    layer, inputs, at = RecurrentLayer(), torch.randn(2, 3, 9), 0
    padded = torch.cat([torch.zeros(2, 3, 4), inputs], dim=2)
    for size in chunks:
        at += size
        got = layer.update_conv_state(inputs[:, :, at - size : at], width=4)
        assert torch.equal(got, padded[:, :, at : at + 4])
        assert layer.get_seq_length() == at
    assert torch.equal(layer.update_conv_state(inputs[:, :, :1]), torch.cat([padded[:, :, 10:13], inputs[:, :, :1]], 2))


def test_rows_copies_and_reset():
    cache = MambaCache(config_of())
    conv, state = torch.randn(3, 4, 2), torch.randn(3, 4, 5)
    for index in range(2):
        cache.update_conv_state(conv, index)
        cache.update_recurrent_state(state, index)
    twin = cache.copy()
    twin.update_recurrent_state(state * 0, 0)
    order = torch.tensor([2, 0, 0, 1])
    cache.batch_select_indices(order)
    assert torch.equal(cache.conv_states[1], conv[order])
    assert torch.equal(cache.ssm_states[0], state[order])
    cache.reorder_cache(torch.tensor([1, 0, 2, 3]), since=1)
    assert torch.equal(cache.ssm_states[0], state[[0, 2, 0, 1]])
    assert (cache.batch_size, twin.batch_size) == (4, 3)
    joined = MambaCache.from_batch_splits(cache.batch_split(4, 3))
    assert torch.equal(joined.ssm_states[1], cache.ssm_states[1])
    assert cache.has_previous_state()
    assert cache.nbytes() == 2 * (4 * 4 * 2 + 4 * 4 * 5) * 4
    cache.reset()
    assert cache.conv_states == cache.ssm_states == [None, None]
    assert not cache.has_previous_state(1)


def test_a_state_cannot_go_back():
    cache = MambaCache()
    cache.update_conv_state(torch.ones(1, 2, 4), 0)
    cache.crop(4)
    with pytest.raises(InputError, match="MambaCache of 4 tokens cannot go back to 3: a recurrent state cannot be cut"):
        cache.crop(-1)


@pytest.mark.parametrize("name", ["mamba", "recurrent", "dynamic", "static", "hybrid"])
def test_generation(name, model):
    config = config_of(layer_types=["linear_attention", "mamba"])
    recurrent = fill(RecurrentForCausalLM(config), scale=1.5)
    expected = model.generate(PROMPTS, max_new_tokens=20, use_cache=False)
    assert len(expected[:, 12:].unique()) > 9
    for options in ({}, {"prefill_chunk_size": 5}):
        got = recurrent.generate(PROMPTS, max_new_tokens=20, cache_implementation=name, return_dict_in_generate=True, **options)
        assert torch.equal(got.sequences, expected)
        assert all(isinstance(layer, RecurrentLayer) for layer in got.past_key_values.layers)


def test_beams(model):
    for more in ({}, {"return_dict_in_generate": True}):
        call = {"num_beams": 3, "num_return_sequences": 2, "max_new_tokens": 12, **more}
        cache = {"past_key_values": build("mamba", model.config, 40)} if more else {"cache_implementation": "mamba"}
        got = model.generate(PROMPTS, **cache, **call)
        expected = model.generate(PROMPTS, use_cache=False, **call)
        if more:
            assert got.past_key_values.get_seq_length() == got.sequences.shape[1] - 1
            again = model(got.sequences[:, -1:], past_key_values=got.past_key_values).logits[:, -1]
            torch.testing.assert_close(again, model(got.sequences).logits[:, -1], rtol=1e-5, atol=1e-5)
            got, expected = got.sequences, expected.sequences
        assert torch.equal(got, expected)


def test_the_wrong_cache_is_refused(model):
    plain = fill(LlamaForCausalLM(config_of()))
    with pytest.raises(ArgumentError, match="keeps states, no keys and values: this model needs another"):
        plain.generate(PROMPTS, cache_implementation="mamba")
    assert build("dynamic", config_of(layer_types=["conv", "full_attention"]), 3).make_layer(0).resumes
    assert isinstance(build("dynamic", None, 3), DynamicCache)
