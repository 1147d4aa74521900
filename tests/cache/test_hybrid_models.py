"""A model some of whose layers keep a state, some all keys, some those of a window, or all both, with each kind of cache."""

import pytest
import torch
from kit.filled import fill
from kit.hybrid import KINDS, HybridForCausalLM, model_of
from kit.windowed import config_of
from torch import Tensor

from bestiary import FalconH1Config, FalconH1ForCausalLM
from bestiary.cache import DynamicCache, MambaCache, RecurrentLayer, build, implementations, load_cache, save_cache
from bestiary.core.errors import ArgumentError, InputError

PROMPTS = torch.randint(3, 64, (3, 12), generator=torch.Generator().manual_seed(4))
MASK = torch.ones_like(PROMPTS)
MASK[1, :4] = 0
MASK[2, :1] = 0
CALL = {"attention_mask": MASK, "max_new_tokens": 16}
OPTIONS = {"quantized": {"residual_length": 64}, "sink": {"window_length": 40}}


@pytest.fixture(scope="module", params=[KINDS, KINDS[1:], None], ids=["state first", "keys first", "both in each layer"])
def model(request: pytest.FixtureRequest) -> HybridForCausalLM | FalconH1ForCausalLM:
    if request.param:
        return model_of(request.param)
    sizes = {"num_hidden_layers": 2, "mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_state": 8}
    shape = {name: vars(config_of())[name] for name in ("hidden_size", "num_attention_heads", "num_key_value_heads")}
    return fill(FalconH1ForCausalLM(FalconH1Config(vocab_size=64, intermediate_size=40, **sizes, **shape)), scale=1.5)


@pytest.fixture(scope="module")
def expected(model: HybridForCausalLM) -> Tensor:
    tokens = model.generate(PROMPTS, **CALL, use_cache=False)
    assert len(tokens[:, 12:].unique()) > 9
    return tokens


@pytest.mark.parametrize("kind", sorted(set(implementations()) - {"paged", "recurrent"}))
@pytest.mark.parametrize("chunk", [None, 5])
def test_tokens_are_the_same_with_any_kind_of_cache(model, expected, kind, chunk):
    if kind == "sliding_window" and not model.config.declared("sliding_window"):
        pytest.skip("there is no window")
    call = {**CALL, "cache_implementation": kind, "cache_config": OPTIONS.get(kind, {}), "prefill_chunk_size": chunk}
    got = model.generate(PROMPTS, **call, return_dict_in_generate=True)
    assert torch.equal(got.sequences, expected)
    states = [isinstance(layer, RecurrentLayer) for layer in got.past_key_values.layers]
    assert states == [name == "linear_attention" for name in model.config.layer_types]


def test_rows_of_a_padded_batch_get_what_they_get_alone(model, expected):
    for row, mask in enumerate(MASK):
        alone = model.generate(PROMPTS[row, mask.bool()][None], max_new_tokens=16)
        assert torch.equal(alone[0, -16:], expected[row, -16:])


def test_a_cache_that_knows_no_config_learns_of_the_layers(model):
    cache = DynamicCache()
    logits = torch.cat([model(part, past_key_values=cache).logits for part in PROMPTS.split(5, dim=1)], dim=1)
    torch.testing.assert_close(logits, model(PROMPTS, use_cache=False).logits, rtol=1e-5, atol=1e-5)


def test_beams(model):
    call = {**CALL, "num_beams": 3, "num_return_sequences": 2}
    assert torch.equal(model.generate(PROMPTS, **call), model.generate(PROMPTS, **call, use_cache=False))


@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_guesses_are_taken_back(model, kind):
    call = {**CALL, "cache_implementation": kind, "repetition_penalty": 1.3}
    assert torch.equal(model.generate(PROMPTS, **call, prompt_lookup_num_tokens=4), model.generate(PROMPTS, **call))


@pytest.mark.parametrize("kind", ["dynamic", "dynamic_full", "static"])
def test_a_saved_cache_goes_on(model, kind, tmp_path):
    cache = build(kind, model.config, 20)
    with torch.no_grad():
        model(PROMPTS, past_key_values=cache)
        save_cache(cache, tmp_path / "cache", model)
        back, newest = load_cache(tmp_path / "cache", model), PROMPTS[:, :3]
        assert back.get_seq_length() == 12
        assert torch.equal(model(newest, past_key_values=back).logits, model(newest, past_key_values=cache).logits)


def test_a_state_cannot_go_back(model):
    cache = build("dynamic_full", model.config, 20)
    with torch.no_grad():
        model(PROMPTS, past_key_values=cache)
    with pytest.raises(InputError, match="of 12 tokens cannot go back to 9: a recurrent state cannot be cut"):
        cache.crop(9)


def test_the_wrong_cache_is_refused(model):
    with pytest.raises(ArgumentError, match="keeps states, no keys and values"):
        model(PROMPTS, past_key_values=MambaCache())
    filled = DynamicCache()
    keys = torch.ones(3, 2, 4, 4)
    for index in range(len(model.config.layer_types)):
        filled.update(keys, keys, index)
    with pytest.raises(ArgumentError, match="keeps a state, and this DynamicCache holds the keys and values of 4 tokens"):
        model(PROMPTS, past_key_values=filled)
