"""Offloading, with a stand-in for the accelerator: what is away is out of reach, and comes back in time."""

import copy

import pytest
import torch
from kit.filled import fill
from kit.hybrid import KINDS, model_of
from kit.windowed import WindowedForCausalLM, config_of

from bestiary.cache import DynamicCache, EncoderDecoderCache, OffloadedCache, OffloadedStaticCache, StaticCache, build
from bestiary.cache.transfer import Transfer
from bestiary.models.llama.model import LlamaForCausalLM
from bestiary.models.t5 import T5Config
from bestiary.models.t5.model import T5ForConditionalGeneration

PROMPTS = torch.randint(3, 64, (3, 9), generator=torch.Generator().manual_seed(0))


class StandIn(Transfer):
    """Takes the CPU for the accelerator. What leaves it is scrambled, and is only put right when it comes back."""

    def __init__(self, only_non_sliding: bool = False) -> None:
        super().__init__(only_non_sliding)
        self.trips: list[str] = []
        self.most = 0

    def is_remote(self, device):
        return True

    def to_device(self, tensor, device):
        self.trips.append("in")
        return -tensor if tensor.is_floating_point() else tensor

    def to_host(self, tensor):
        self.trips.append("out")
        return -tensor

    def bring(self, layers, index, device=None):
        super().bring(layers, index, device)
        here = [at for at, layer in enumerate(layers) if layer.nbytes() and at not in self._on_host]
        self.most = max(self.most, len({*here, index}))


def offloaded(kind, config, only_non_sliding=False):
    made = build(kind, config, 60)
    made.transfer = StandIn(only_non_sliding)
    return made


@pytest.fixture(scope="module")
def model():
    return fill(LlamaForCausalLM(config_of(num_hidden_layers=5)))


@pytest.mark.parametrize("kind", ["offloaded", "offloaded_static", "offloaded_hybrid"])
def test_two_layers_at_a_time_and_the_same_tokens(kind, model):
    cache = offloaded(kind, model.config)
    mask = torch.ones_like(PROMPTS)
    mask[1, :3] = 0
    got = model.generate(PROMPTS, attention_mask=mask, past_key_values=cache, max_new_tokens=12)
    assert torch.equal(got, model.generate(PROMPTS, attention_mask=mask, max_new_tokens=12))
    assert cache.transfer.most == 2
    steps = cache.transfer.trips.count("in") / 2  # keys and values
    # Layers are known from the start: the first leaves and comes back in the pass over the prompt too.
    assert steps == 5 * 11 + 1, "each layer comes once for each step"
    assert cache.is_compileable is False


@pytest.mark.parametrize("kind", ["offloaded", "offloaded_static"])
def test_layers_that_keep_a_state_come_and_go_as_well(kind):
    hybrid = model_of(KINDS)
    cache = offloaded(kind, hybrid.config)
    got = hybrid.generate(PROMPTS, past_key_values=cache, max_new_tokens=12)
    assert torch.equal(got, hybrid.generate(PROMPTS, max_new_tokens=12))
    assert cache.transfer.most == 2


def test_next_layer_comes_before_its_turn(model):
    cache = offloaded("offloaded", model.config)
    with torch.no_grad():
        model(PROMPTS, past_key_values=cache)
        model(PROMPTS[:, :1], past_key_values=cache)
    transfer = cache.transfer
    transfer.trips.clear()
    transfer.bring(cache.layers, 0)
    assert transfer._on_host == {2, 3, 4}
    transfer.bring(cache.layers, 1)
    assert transfer._on_host == {0, 3, 4}
    assert transfer.trips == ["out", "out", "in", "in"] * 2


def test_rows_and_cuts_reach_what_is_away(model):
    call = {"num_beams": 3, "max_new_tokens": 12, "num_return_sequences": 2}
    cache = offloaded("offloaded", model.config)
    assert torch.equal(model.generate(PROMPTS, past_key_values=cache, **call), model.generate(PROMPTS, **call))
    one = PROMPTS[:1].repeat(1, 2)
    call = {"prompt_lookup_num_tokens": 3, "max_new_tokens": 12}
    cache = offloaded("offloaded", model.config)
    assert torch.equal(model.generate(one, past_key_values=cache, **call), model.generate(one, max_new_tokens=12))


def test_copies_know_what_is_away(model):
    cache = offloaded("offloaded", model.config)
    with torch.no_grad():
        model(PROMPTS, past_key_values=cache)
        twin = copy.deepcopy(cache)
        assert twin.transfer._on_host == cache.transfer._on_host != set()
        first = model(PROMPTS[:, :1], past_key_values=cache).logits
        assert torch.equal(model(PROMPTS[:, :1], past_key_values=twin).logits, first)


def test_layers_with_a_window_may_stay(model):
    config = config_of(num_hidden_layers=4, sliding_window=4, layer_types=["sliding_attention", "full_attention"] * 2)
    windowed = fill(WindowedForCausalLM(config))
    expected = windowed.generate(PROMPTS, max_new_tokens=9)
    for kept, trips in ((False, 4 * 8 + 1), (True, 2 * 8)):
        cache = offloaded("offloaded", config, only_non_sliding=kept)
        assert torch.equal(windowed.generate(PROMPTS, past_key_values=cache, max_new_tokens=9), expected)
        assert cache.transfer.trips.count("in") / 2 == trips
        assert bool(cache.transfer._on_host & {0, 2}) is not kept


def test_encoder_output_is_offloaded_too():
    config = T5Config(
        vocab_size=64, d_model=16, d_kv=4, d_ff=32, num_layers=2, num_decoder_layers=5, num_heads=4, eos_token_id=None
    )
    t5 = fill(T5ForConditionalGeneration(config))
    call = {"max_new_tokens": 8, "decoder_start_token_id": 0}
    named = t5.generate(PROMPTS, **call, cache_implementation="offloaded", return_dict_in_generate=True)
    assert isinstance(named.past_key_values.cross_attention_cache, OffloadedCache)
    own, cross = (offloaded("offloaded", config) for _ in range(2))
    got = t5.generate(PROMPTS, **call, past_key_values=EncoderDecoderCache(own, cross))
    assert torch.equal(got, named.sequences)
    assert torch.equal(got, t5.generate(PROMPTS, **call))
    assert cross.transfer.trips.count("in") / 2 == own.transfer.trips.count("in") / 2 == 5 * 7 + 1


def test_published_ways_to_ask():
    for cache, base in (
        (OffloadedCache(), DynamicCache),
        (DynamicCache(offloading=True), DynamicCache),
        (OffloadedStaticCache(config_of(), max_cache_len=8, max_batch_size=2, device="cpu", dtype=torch.float32), StaticCache),
        (StaticCache(config_of(), 8, offloading=True), StaticCache),
    ):
        assert isinstance(cache, base)
        assert cache.transfer is not None
        assert not cache.is_compileable


def test_on_the_cpu_nothing_moves():
    cache = OffloadedCache()
    for index in range(3):
        cache.update(torch.ones(1, 1, 2, 4), torch.ones(1, 1, 2, 4), index)
    assert cache.transfer._on_host == set()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", ["offloaded", "offloaded_static"])
def test_on_cuda(kind):
    model = fill(LlamaForCausalLM(config_of(num_hidden_layers=5))).cuda()
    ids = PROMPTS.cuda()
    got = model.generate(ids, max_new_tokens=40, cache_implementation=kind, return_dict_in_generate=True)
    assert torch.equal(got.sequences, model.generate(ids, max_new_tokens=40))
    away = [index for index, layer in enumerate(got.past_key_values.layers) if layer.keys.device.type == "cpu"]
    assert len(away) == 3
