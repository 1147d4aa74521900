"""Many requests at once: each gets exactly what it gets alone, whoever else is there and however little room there is."""

import random
import re
import sys

import numpy as np
import pytest
import torch

from bestiary.batching.config import ContinuousBatchingConfig
from bestiary.batching.engine import Engine
from bestiary.batching.requests import RequestStatus
from bestiary.cache.paged import BlockPool
from bestiary.core.errors import ArgumentError, BestiaryError, CapacityError, ConfigError, InputError, NumericsError
from bestiary.core.logging import BestiaryWarning
from bestiary.core.memory import memory_now
from bestiary.generation.config import GenerationConfig
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM
from bestiary.nn.kernels import Scoring, sdpa
from bestiary.nn.masks import Mask

SMALL = {"page_size": 4, "num_blocks": 30, "max_batch_tokens": 19, "max_requests_per_batch": 7}


def alone(model, prompt, **settings):
    """The new tokens of a prompt by itself."""
    ids = torch.tensor([prompt])
    return model.generate(ids, attention_mask=torch.ones_like(ids), **settings)[0, len(prompt) :].tolist()


def made_up(seed, count=20, vocab=64, longest=20):
    """Prompts of any lengths; half of them begin with the same tokens."""
    draw = random.Random(seed)
    common = [draw.randrange(3, vocab) for _ in range(13)]
    return [
        common * draw.randrange(2) + [draw.randrange(3, vocab) for _ in range(draw.randrange(1, longest))] for _ in range(count)
    ]


def finished(model, requests, **config):
    """What an engine made of `requests`, each a prompt with its settings; and the engine."""
    engine = Engine(model, None, ContinuousBatchingConfig(**config))
    engine.allocate()
    states = [engine.request(str(index), prompt, **settings) for index, (prompt, settings) in enumerate(requests)]
    for state in states:
        engine.add(state)
    while engine.step():
        assert engine.pool.available == engine.pool.size - len({b for state in engine.requests for b in state.blocks})
    assert engine.pool.available == engine.pool.size
    assert not engine.requests
    return states, engine


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("config", [{"page_size": 64, "num_blocks": 40}, SMALL], ids=["roomy", "cramped"])
def test_greedy_requests_get_what_they_get_alone(llama, seed, config):
    model, _ = llama
    draw = random.Random(seed)
    requests = [(prompt, {"max_new_tokens": draw.randrange(1, 40)}) for prompt in made_up(seed)]
    states, engine = finished(model, requests, **config)
    for (prompt, settings), state in zip(requests, states, strict=True):
        assert state.new_tokens == alone(model, prompt, **settings)
        assert state.finish_reason == ("eos" if state.tokens[-1] == 2 else "length")
    assert len({token for state in states for token in state.new_tokens}) > 10
    if config is SMALL:
        assert engine.scheduler.preempted
        assert engine.scheduler.reused


@pytest.mark.parametrize("config", [{"num_blocks": 20}, SMALL], ids=["roomy", "cramped"])
def test_each_request_has_settings_of_its_own(llama, config):
    model, _ = llama
    kinds = [
        {"do_sample": True},
        {"do_sample": True, "top_k": 5, "temperature": 1.7},
        {"do_sample": True, "top_p": 0.8, "repetition_penalty": 1.4},
        {"repetition_penalty": 1.4},
        {"no_repeat_ngram_size": 2, "min_new_tokens": 12},
        {"bad_words_ids": [[7], [9, 11]], "eos_token_id": [2, 33]},
    ]
    requests = [
        (prompt, {**kinds[index % len(kinds)], "max_new_tokens": 14} | ({"seed": index} if index % len(kinds) < 3 else {}))
        for index, prompt in enumerate(made_up(3, count=18))
    ]
    states, _ = finished(model, requests, **config)
    for (prompt, settings), state in zip(requests, states, strict=True):
        assert state.new_tokens == alone(model, prompt, **settings), settings
    assert {state.finish_reason for state in states} == {"eos", "length"}


def test_stop_strings_and_criteria(llama, byte_level):
    model, _ = llama
    prompts = made_up(5, count=6)
    free = [alone(model, prompt, max_new_tokens=12) for prompt in prompts]
    stops = [byte_level.decode(tokens[3:5]) for tokens in free]
    settings = [{"max_new_tokens": 12, "stop_strings": stop, "tokenizer": byte_level} for stop in stops]
    settings[0] = {"max_new_tokens": 12, "stopping_criteria": [lambda ids, scores: ids.shape[1] >= len(prompts[0]) + 2]}
    states, _ = finished(model, list(zip(prompts, settings, strict=True)), **SMALL)
    for prompt, own, state in zip(prompts, settings, states, strict=True):
        assert state.new_tokens == alone(model, prompt, **own)
    assert [state.finish_reason for state in states] == ["stopped", *["stop"] * 5]
    assert len(states[0].new_tokens) == 2


def test_the_published_call(llama):
    model, theirs = llama
    prompts = made_up(7, count=5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    settings = GenerationConfig(max_new_tokens=6, do_sample=False)
    results = model.generate_batch(
        prompts, generation_config=settings, continuous_batching_config={"return_logprobs": True}, record_timestamps=True
    )
    assert list(results) == [f"req_{index}" for index in range(5)]
    for prompt, result in zip(prompts, results.values(), strict=True):
        ids = torch.tensor([prompt])
        expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False)[0]
        assert result.prompt_ids == prompt
        assert prompt + result.generated_tokens == expected.tolist()
        assert result.status is RequestStatus.FINISHED
        assert result.is_finished()
        assert result.error is None
        logits = theirs(expected[None]).logits[0].log_softmax(-1)[len(prompt) - 1 : -1]
        found = logits.gather(1, torch.tensor(result.generated_tokens)[:, None]).squeeze(1)
        torch.testing.assert_close(torch.tensor(result.logprobs), found, rtol=1e-4, atol=1e-5)
        assert result.lifespan[0] <= result.timestamps[0] <= result.timestamps[-1] <= result.lifespan[1]
    assert settings.to_dict() == GenerationConfig(max_new_tokens=6, do_sample=False).to_dict()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.generate_batch([]) == {}


def test_the_model_keeps_its_modes_and_its_kernel(llama):
    model, _ = llama
    model.train()
    model.model.layers[0].eval()
    model.set_attn_implementation("eager")
    modes = [module.training for module in model.modules()]
    try:
        model.generate_batch([[5, 6, 7]], max_new_tokens=3)
        assert [module.training for module in model.modules()] == modes
        assert model.attn_implementation == "eager"
        assert model.model.layers[0].self_attn.attend.implementation == "eager"
        model(torch.tensor([[5, 6]]), labels=torch.tensor([[5, 6]])).loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
    finally:
        model.eval()
        model.zero_grad()
        model.set_attn_implementation("sdpa")


def test_a_request_wastes_less_than_a_block(llama):
    model, _ = llama
    engine = Engine(model, None, ContinuousBatchingConfig(page_size=8, num_blocks=100))
    engine.allocate()
    for index, prompt in enumerate(made_up(2)):
        engine.add(engine.request(str(index), prompt, max_new_tokens=30))
    seen = 0
    while engine.step():
        for state in engine.scheduler.running:
            if state.remaining == 1:
                assert 0 <= len(state.blocks) * 8 - state.cached < 8
                seen += 1
    assert seen > 100


def test_what_many_begin_with_is_held_and_computed_once(llama):
    model, _ = llama
    common = made_up(4, count=1)[0] * 3
    common = (common * 20)[:40]
    requests = [([*common, 5 + index], {"max_new_tokens": 2}) for index in range(10)]
    states, engine = finished(model, requests, page_size=8, num_blocks=100)
    assert engine.scheduler.reused == 9 * 40
    for (prompt, settings), state in zip(requests, states, strict=True):
        assert state.new_tokens == alone(model, prompt, **settings)
    _, apart = finished(model, requests, page_size=8, num_blocks=100, allow_block_sharing=False)
    assert apart.scheduler.reused == 0


def test_a_later_request_finds_what_an_earlier_one_left(llama):
    model, _ = llama
    engine = Engine(model, None, ContinuousBatchingConfig(page_size=4, num_blocks=12))
    engine.allocate()
    prompt = list(range(5, 17))
    for index in range(3):
        state = engine.request(str(index), prompt, max_new_tokens=3)
        engine.add(state)
        while engine.step():
            pass
        assert state.new_tokens == alone(model, prompt, max_new_tokens=3)
    assert engine.scheduler.reused == 2 * 8  # all but the block that holds the last token, which has to be computed


def test_layers_with_a_window_or_chunks_see_no_further():
    """A pass over blocks against one over plain keys, by the kernel of every model."""
    from bestiary.nn.paged import Layout, PagedMask, Visits, decode

    torch.manual_seed(0)
    lengths, groups, heads, size, page = [3, 17, 9, 30], 2, 6, 8, 4
    places = [(row, place) for row, length in enumerate(lengths) for place in range(-(-length // page))]
    random.Random(0).shuffle(places)
    places.insert(2, (len(lengths), 0))  # a block of nobody, with what is no number
    key, value = torch.randn(len(places) + 3, groups, size, page), torch.randn(len(places) + 3, groups, page, size)
    key[2] = value[2] = torch.nan
    owners, index = torch.tensor(places).unbind(1)
    query = torch.randn(len(lengths), heads, size)
    for window, chunk in ((None, None), (5, None), (1, None), (None, 6)):
        layout = Layout(
            page, torch.tensor([length - 1 for length in lengths] + [-1]), [Visits(None, owners[:, None], index)], []
        )
        paged_mask = PagedMask(len(lengths), 0, query.device, window=window, chunk=chunk)
        mixed = decode(query, key, value, layout, paged_mask, Scoring(0.3))
        for row, length in enumerate(lengths):
            blocks = [places.index((row, place)) for place in range(-(-length // page))]
            keys = key[blocks].permute(1, 0, 3, 2).flatten(1, 2)[None, :, :length]
            values = value[blocks].transpose(0, 1).flatten(1, 2)[None, :, :length]
            mask = Mask(1, length, query.device, causal=True, first_query=length - 1, window=window)
            mask = mask if chunk is None else mask.chunked(chunk)
            expected = sdpa(query[row][None, :, None], keys, values, mask, None, Scoring(0.3))
            torch.testing.assert_close(mixed[row], expected[0, :, 0], rtol=1e-5, atol=1e-5)


def test_a_request_that_fails_takes_nobody_with_it(llama):
    model, _ = llama
    prompts = made_up(9, count=6)

    def broken(ids, scores):
        raise ZeroDivisionError("mine")

    requests = [(prompt, {"max_new_tokens": 6}) for prompt in prompts]
    requests[2][1]["logits_processor"] = [broken]
    requests[3][1]["stopping_criteria"] = [lambda ids, scores: "no boolean"]
    requests[4][1]["logits_processor"] = [lambda ids, scores: scores.fill_(-torch.inf)]
    states, _ = finished(model, requests, **SMALL)
    for index, (prompt, state) in enumerate(zip(prompts, states, strict=True)):
        if index in (2, 3, 4):
            assert state.finish_reason == "error"
            assert state.output().status is RequestStatus.FAILED
        else:
            assert state.new_tokens == alone(model, prompt, max_new_tokens=6)
    assert isinstance(states[2].error, ZeroDivisionError)
    assert isinstance(states[4].error, NumericsError)


def test_numbers_that_are_none_do_not_spread(llama):
    """A token whose embedding is broken spoils its own request, not those that get its blocks afterwards."""
    model, _ = llama
    before = model.model.embed_tokens.weight[60].clone()
    good = [5, 6, 7, 8, 9]
    expected = alone(model, good, max_new_tokens=8)
    engine = Engine(model, None, ContinuousBatchingConfig(page_size=4, num_blocks=8))
    engine.allocate()
    try:
        with torch.no_grad():
            model.model.embed_tokens.weight[60] = torch.nan
        bad = engine.request("bad", [60, 5, 6, 7, 8], max_new_tokens=3)
        beside, after = (engine.request(name, good, max_new_tokens=8) for name in ("beside", "after"))
        for state in (bad, beside):
            engine.add(state)
        while engine.step():
            pass
        engine.add(after)
        while engine.step():
            pass
    finally:
        with torch.no_grad():
            model.model.embed_tokens.weight[60] = before
    assert isinstance(bad.error, NumericsError)
    assert beside.new_tokens == after.new_tokens == expected


def test_a_pass_that_fails_ends_its_requests_and_no_others(llama, monkeypatch):
    model, _ = llama
    passes = 0
    forward = type(model).forward

    def sometimes(self, *args, **kwargs):
        nonlocal passes
        passes += 1
        if passes == 3:
            raise RuntimeError("out of luck")
        return forward(self, *args, **kwargs)

    prompts = made_up(11, count=9)
    expected = [alone(model, prompt, max_new_tokens=7) for prompt in prompts]
    monkeypatch.setattr(type(model), "forward", sometimes)
    with pytest.warns(UserWarning, match="of 9 requests failed"):
        results = model.generate_batch(
            prompts, max_new_tokens=7, continuous_batching_config={"num_blocks": 50, "max_requests_per_batch": 4}
        )
    failed = [result for result in results.values() if result.error]
    assert len(failed) == 4
    assert all(result.error == "RuntimeError: out of luck" for result in failed)
    for result, tokens in zip(results.values(), expected, strict=True):
        assert result.error or result.generated_tokens == tokens
    passes = 2
    with pytest.raises(RuntimeError, match="out of luck"):  # nobody is left to tell
        model.generate_batch(prompts[:1], max_new_tokens=7, continuous_batching_config={"num_blocks": 50})


BAD = [
    ([[5, 6], []], {}, InputError, "empty"),
    ([[5, 64]], {}, InputError, "64"),
    ([[5, "a"]], {}, InputError, "'a'"),
    ([[5]], {"max_new_tokens": 90, "continuous_batching_config": {"num_blocks": 2, "page_size": 8}}, CapacityError, "2 blocks"),
    ([[5]], {"num_beams": 2}, ArgumentError, "beam"),
    ([[5]], {"do_sample": True, "num_return_sequences": 2}, ArgumentError, "num_return_sequences"),
    ([[5]], {"use_cache": False}, ArgumentError, "use_cache"),
    ([[5]], {"cache_implementation": "static"}, ArgumentError, "cache_implementation"),
    ([[5]], {"output_scores": True}, ArgumentError, "output_scores"),
    ([[5]], {"attention_mask": torch.ones(1, 1)}, ArgumentError, "attention_mask"),
    ([[5]], {"max_newtokens": 3}, ArgumentError, "max_new_tokens"),
    ([[5]], {"stop_strings": "a"}, ArgumentError, "tokenizer"),
    ([{"prompt": [5]}], {}, ArgumentError, "input_ids"),
    ([5, 6], {}, InputError, "a prompt is 5"),
    ({"input_ids": [[5]]}, {}, ArgumentError, "inputs are a dict"),
    ([torch.tensor([[5, 6], [7, 8]])], {}, InputError, r"shape \(2, 2\)"),
    ([[True]], {}, InputError, "True"),
    ([{"input_ids": [5], "listener": print}], {}, ArgumentError, "listener"),
    ([[5]], {"do_sample": True, "seed": "x"}, ArgumentError, "'x'"),
    ([[5]], {"do_sample": True, "seed": [1]}, ArgumentError, "seed"),
    ([[5]], {"token_healing": True}, ArgumentError, "token_healing"),
    ([[5]], {"continuous_batching_config": {"seed": 1.5}}, ArgumentError, "seed"),
    ([[5]], {"continuous_batching_config": {"page_size": True}}, ConfigError, "page_size"),
    ([[5]], {"continuous_batching_config": {"max_memory_percent": "half"}}, ConfigError, "max_memory_percent"),
    ([[5]], {"continuous_batching_config": {"return_logprobs": "no"}}, ConfigError, "return_logprobs"),
    ([[5]], {"continuous_batching_config": {"page_sise": 3}}, ArgumentError, "page_size"),
    ([[5]], {"continuous_batching_config": {"page_size": 0}}, ConfigError, "page_size"),
    ([[5]], {"continuous_batching_config": {"max_memory_percent": 2}}, ConfigError, "max_memory_percent"),
]


@pytest.mark.parametrize(("inputs", "options", "error", "named"), BAD, ids=[row[3] + str(at) for at, row in enumerate(BAD)])
def test_what_cannot_be_is_refused_before_the_first_pass(llama, inputs, options, error, named, monkeypatch):
    model, _ = llama
    monkeypatch.setattr(Engine, "step", lambda self: pytest.fail("a pass was run"))
    with pytest.raises(error, match=named) as caught:
        model.generate_batch(inputs, **options)
    assert isinstance(caught.value, BestiaryError)


def _nothing(ids, scores):
    return None


def _wider(ids, scores):
    return torch.cat([scores, scores + 99], dim=1)


def _arrays(ids, scores):
    return scores.numpy()


def _infinite(ids, scores):
    return scores.index_fill(1, torch.tensor([5]), float("inf"))


def _not_numbers(ids, scores):
    return scores * float("nan")


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ({"logits_processor": [_nothing]}, "_nothing returned a NoneType"),
        ({"logits_processor": [_wider]}, r"_wider returned .*\(1, 128\)"),
        ({"logits_processor": [_arrays]}, "ndarray"),
        ({"logits_processor": [_not_numbers]}, "NaN"),
        ({"logits_processor": [_infinite], "do_sample": True}, "infinity"),
        ({"temperature": 1e-45, "do_sample": True}, "temperature"),
    ],
    ids=["nothing", "wider", "arrays", "nan", "infinity", "temperature"],
)
def test_whatever_is_wrong_with_one_request_the_others_get_their_tokens(llama, own, named):
    model, _ = llama
    prompts = made_up(5, count=4)
    with pytest.warns(UserWarning, match="1 of 5 requests failed"):
        results = model.generate_batch(
            [*prompts, {"input_ids": [7, 8], **own}], max_new_tokens=5, continuous_batching_config=SMALL
        )
    *others, bad = results.values()
    assert [result.generated_tokens for result in others] == [alone(model, prompt, max_new_tokens=5) for prompt in prompts]
    assert re.search(named, bad.error)


@pytest.mark.parametrize("sharing", [True, False])
def test_numbers_that_are_none_stay_with_the_request_that_made_them(sharing):
    """A block that held NaN is used again by others, who look at a part of it only."""
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4)
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        model.get_input_embeddings().weight[4] = float("nan")
        model.lm_head.weight[4] = 0
    prompts = [[token if token != 4 else 5 for token in prompt] for prompt in made_up(3, count=6)]
    expected = [alone(model, prompt, max_new_tokens=6) for prompt in prompts]
    broken = {"input_ids": [4, 4, 5, 6, 7, 8, 9, 4], "remove_invalid_values": True}
    config = {**SMALL, "num_blocks": 12, "max_requests_per_batch": 1, "allow_block_sharing": sharing}
    results = model.generate_batch([broken, broken, *prompts], max_new_tokens=6, continuous_batching_config=config)
    assert [result.generated_tokens for result in results.values()][2:] == expected


def test_prompts_and_seeds_of_numpy_and_torch(llama):
    model, _ = llama
    options = {"max_new_tokens": 4, "do_sample": True, "continuous_batching_config": SMALL}
    expected = model.generate_batch([[5, 6, 7]], seed=3, **options)["req_0"].generated_tokens
    for prompt in (np.array([5, 6, 7]), torch.tensor([[5, 6, 7]]), [np.int64(5), 6, 7]):
        assert model.generate_batch([prompt], seed=np.int64(3), **options)["req_0"].generated_tokens == expected


def test_the_config_is_saved_with_the_settings_of_a_generation(tmp_path):
    config = ContinuousBatchingConfig(32, seed=2**60)
    GenerationConfig(continuous_batching_config=config).save_pretrained(tmp_path)
    again = GenerationConfig.from_pretrained(tmp_path).continuous_batching_config
    assert ContinuousBatchingConfig.of(again) == config
    with pytest.raises(ArgumentError, match="no setting 'colour'"):
        ContinuousBatchingConfig(colour=3)


def test_more_blocks_than_there_is_memory_for(llama):
    with pytest.raises(CapacityError, match="smaller num_blocks"):
        llama[0].generate_batch([[5]], max_new_tokens=2, continuous_batching_config={"num_blocks": 10**12})


def test_positions_that_stretch_with_the_text_end_where_they_would():
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 16, "factor": 4.0}
    rope |= {"short_factor": [1.0, 1.1], "long_factor": [2.0, 3.0]}
    config = LlamaConfig(vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=4,
                         max_position_embeddings=64, rope_parameters=rope, initializer_range=0.5)  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    prompts = [list(range(3, 3 + length)) for length in (2, 5, 9)]
    results = model.generate_batch(prompts, max_new_tokens=7)
    for prompt, result in zip(prompts, results.values(), strict=True):
        assert result.generated_tokens == alone(model, prompt, max_new_tokens=7)
    with pytest.raises(CapacityError, match="room for 16"):
        model.generate_batch(prompts, max_new_tokens=8)


def test_requests_beyond_the_context_get_what_they_get_alone(llama):
    model, _ = llama
    prompts = [list(range(3, 60)) + list(range(3, 50)), [5, 6]]
    with pytest.warns(BestiaryWarning, match="beyond-positions"):
        results = model.generate_batch(prompts, max_new_tokens=9)
    for prompt, result in zip(prompts, results.values(), strict=True):
        assert result.generated_tokens == alone(model, prompt, max_new_tokens=9)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/status")
def test_memory_that_nobody_needs_is_not_touched(llama):
    """A cache of 8 GB serves a request without using them."""
    model, _ = llama
    engine = Engine(model, None, ContinuousBatchingConfig(page_size=16, num_blocks=2**22))
    engine.allocate()  # keys and values of 2 layers, 2 GB each
    state = engine.request("one", [5, 6, 7], max_new_tokens=20)
    engine.add(state)
    # What is in memory now, while the cache is there: a peak would hide behind that of an earlier test.
    before = memory_now(torch.device("cpu"))
    while engine.step():
        pass
    assert memory_now(torch.device("cpu")) - before < 2**28
    assert state.new_tokens == alone(model, [5, 6, 7], max_new_tokens=20)


def test_blocks_are_counted_and_told_apart():
    pool = BlockPool(3, 2)
    first, second = pool.take(), pool.take()
    name = pool.name(first, 0, [5, 6])
    assert pool.find(0, [5, 6]) == (first, name)
    assert pool.find(name, [5, 6]) is None
    assert pool.name(second, 0, [5, 6]) == name
    assert pool.find(0, [5, 6]) == (first, name)
    pool.share(first)
    pool.release([first])
    assert (pool.users(first), pool.available) == (1, 1)
    pool.release([first, second])
    assert pool.available == 3
    assert pool.find(0, [5, 6]) == (first, name)
    taken = [pool.take() for _ in range(3)]
    assert sorted(taken) == [0, 1, 2]
    assert taken[-1] == first
    assert pool.find(0, [5, 6]) is None
    with pytest.raises(CapacityError, match="all 3 blocks"):
        pool.take()
