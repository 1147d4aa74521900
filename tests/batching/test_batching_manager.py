"""The manager: requests from other threads and event loops; all end, whatever happens to them, to the model, to the reader."""

import asyncio
import copy
import multiprocessing
import random
import threading
import time
import warnings
from contextlib import contextmanager

import pytest
import torch

from bestiary.batching.requests import RequestStatus
from bestiary.core.errors import ArgumentError, BusyError, CapacityError, EngineError
from bestiary.models.gpt2 import GPT2Config, GPT2LMHeadModel

CONFIG = {"page_size": 4, "num_blocks": 60, "max_batch_tokens": 32, "max_requests_per_batch": 8}


def made_up(seed, count):
    draw = random.Random(seed)
    return [[draw.randrange(3, 64) for _ in range(draw.randrange(1, 20))] for _ in range(count)]


def alone(model, prompt, **settings):
    ids = torch.tensor([prompt])
    return model.generate(ids, attention_mask=torch.ones_like(ids), **settings)[0, len(prompt) :].tolist()


@contextmanager
def running(model, **config):
    """A running manager, stopped at once afterwards."""
    manager = model.init_continuous_batching(continuous_batching_config={**CONFIG, **config})
    manager.start()
    try:
        yield manager
    finally:
        manager.stop(hard_stop=True, timeout=10)
        assert not manager.is_running()


@contextmanager
def held(manager, monkeypatch):
    """The manager works on nothing inside: its next pass waits."""
    gate, step = threading.Event(), manager._engine.step

    def waiting():
        gate.wait(10)
        return step()

    monkeypatch.setattr(manager._engine, "step", waiting)
    try:
        yield
    finally:
        gate.set()


def test_results_by_name_and_in_any_order(llama):
    model, _ = llama
    prompts = made_up(0, 12)
    with running(model) as manager:
        names = manager.add_requests(prompts, max_new_tokens=5)
        named = manager.add_request([5, 6, 7], request_id="mine", max_new_tokens=3, eos_token_id=[2, 9])
        assert named == "mine"
        assert len(set(names)) == 12
        for prompt, name in reversed(list(zip(prompts, names, strict=True))):
            result = manager.get_result(name)
            assert result.request_id == name
            assert result.generated_tokens == alone(model, prompt, max_new_tokens=5)
        assert manager.get_result().request_id == "mine"
        assert manager.get_result() is None  # nobody is left
        with pytest.raises(ArgumentError, match="mine"):
            manager.get_result("mine")
        assert manager.get_result(manager.add_request([5], max_new_tokens=60), timeout=0) is None


def test_partial_results(llama):
    model, _ = llama
    with running(model) as manager:
        name = manager.add_request([5, 6, 7], max_new_tokens=6, streaming=True)
        seen = list(manager.request_id_iter(name))
    expected = alone(model, [5, 6, 7], max_new_tokens=6)
    assert [result.generated_tokens for result in seen] == [expected[: index + 1] for index in range(len(expected))]
    assert [result.is_finished() for result in seen] == [False] * (len(expected) - 1) + [True]
    assert seen[0].status is RequestStatus.DECODING


def test_streams_of_many_readers(llama):
    model, _ = llama
    prompts = made_up(1, 20)

    async def read(manager, prompt):
        stream = manager.stream(prompt, max_new_tokens=9)
        return [token async for token in stream], stream.output

    async def all_of_them(manager):
        return await asyncio.gather(*[read(manager, prompt) for prompt in prompts])

    with running(model) as manager:
        for prompt, (tokens, output) in zip(prompts, asyncio.run(all_of_them(manager)), strict=True):
            assert tokens == output.generated_tokens == alone(model, prompt, max_new_tokens=9)
            assert output.finish_reason in ("eos", "length")


@pytest.mark.parametrize("leave", ["cancel", "block", "drop", "loop"])
def test_a_reader_who_leaves_frees_the_blocks_before_the_next_pass(llama, leave):
    model, _ = llama

    async def read_one(manager):
        stream = manager.stream([5, 6, 7, 8, 9], max_new_tokens=80, eos_token_id=-1)
        if leave == "block":
            async with stream:
                await anext(stream)
        elif leave == "cancel":
            await anext(stream)
            stream.cancel()
            rest = [token async for token in stream]  # what came meanwhile; then it ends without an error
            assert len(rest) < 79
            assert stream.output.finish_reason == "cancelled"
        else:
            await anext(stream)
            return stream if leave == "loop" else None
        return None

    with running(model) as manager:
        kept = asyncio.run(read_one(manager))  # and the loop is closed
        until = time.monotonic() + 5
        while manager.health.running and time.monotonic() < until:
            time.sleep(0.005)
        health = manager.health
        assert (health.running, health.waiting, health.blocks_free) == (0, 0, health.blocks)
        if kept is not None:
            assert kept.output.finish_reason == "cancelled"
            assert len(kept.output.generated_tokens) < 80


def test_cancelling_takes_effect_before_the_next_pass(llama, monkeypatch):
    model, _ = llama
    with running(model) as manager:
        with held(manager, monkeypatch):
            names = [manager.add_request([5, 6, 7], max_new_tokens=50, eos_token_id=-1) for _ in range(3)]
            manager.cancel_request(names[1])
        result = manager.get_result(names[1])
        assert result.finish_reason == "cancelled"
        assert len(result.generated_tokens) <= 1
        assert result.status is RequestStatus.FINISHED
        assert result.error is None
        manager.cancel_request(names[1])  # it has ended; nothing happens
        manager.cancel_request("nobody")
        assert len(manager.get_result(names[0]).generated_tokens) == 50


def test_a_full_queue_says_so(llama, monkeypatch):
    model, _ = llama
    with running(model, max_queue_size=2, max_requests_per_batch=1) as manager:
        with held(manager, monkeypatch):
            first = manager.add_request([5, 6], max_new_tokens=2)
            until = time.monotonic() + 5
            while not manager._engine.scheduler.waiting and time.monotonic() < until:
                time.sleep(0.005)
            second = manager.add_request([5, 7], max_new_tokens=2)
            with pytest.raises(BusyError, match="2 requests are waiting"):
                manager.add_request([5, 8], max_new_tokens=2)
        assert manager.get_result(first).is_finished()
        assert manager.get_result(second).is_finished()
        assert manager.get_result(manager.add_request([5, 8], max_new_tokens=2)).is_finished()


def test_requests_that_cannot_be_are_refused_where_they_are_made(llama):
    model, _ = llama
    with running(model, num_blocks=3) as manager:
        with pytest.raises(CapacityError, match="3 blocks of 4"):
            manager.add_request([5] * 10, max_new_tokens=10)
        with pytest.raises(ArgumentError, match="max_new_tokens"):
            manager.add_request([5], max_newtokens=3)
        name = manager.add_request([5], request_id="twice", max_new_tokens=2)
        with pytest.raises(ArgumentError, match="twice"):
            manager.add_request([5], request_id="twice", max_new_tokens=2)
        assert manager.get_result(name).is_finished()
    with pytest.raises(EngineError, match="not running"):
        manager.add_request([5], max_new_tokens=2)


def test_what_is_there_is_finished_before_a_stop(llama):
    model, _ = llama
    prompts = made_up(2, 10)
    with model.continuous_batching_context_manager(continuous_batching_config=CONFIG) as manager:
        names = manager.add_requests(prompts, max_new_tokens=6)
    assert not manager.is_running()
    assert not manager.health.alive
    for prompt, name in zip(prompts, names, strict=True):
        assert manager.get_result(name).generated_tokens == alone(model, prompt, max_new_tokens=6)


def test_a_hard_stop_ends_all_with_an_error(llama):
    model, _ = llama
    manager = model.init_continuous_batching(continuous_batching_config=CONFIG)
    names = []

    def interrupted():
        with manager:
            names.extend(manager.add_request([5, 6, 7], max_new_tokens=80, eos_token_id=-1) for _ in range(30))
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        interrupted()
    results = [manager.get_result(name) for name in names]
    assert not manager.is_running()
    assert manager.health.blocks_free == manager.health.blocks
    stopped = [result for result in results if result.error == "EngineError: the manager was stopped"]
    assert stopped
    assert all(result.status is RequestStatus.FAILED for result in stopped)
    with manager:  # and it can be started again
        assert manager.get_result(manager.add_request([5], max_new_tokens=2)).error is None


def test_a_model_that_fails_now_and_then_ends_nobody_else_and_is_seen(llama, monkeypatch):
    """200 requests with faults and readers who leave: each gets what it gets alone, or an error, or was cancelled."""
    model, _ = llama
    prompts = made_up(3, 200)
    expected = [alone(model, prompt, max_new_tokens=4) for prompt in prompts]
    forward, passes = type(model).forward, 0

    def sometimes(self, *args, **kwargs):
        nonlocal passes
        passes += 1
        if passes % 19 == 0:
            raise RuntimeError("out of luck")
        return forward(self, *args, **kwargs)

    with running(model) as manager:
        monkeypatch.setattr(type(model), "forward", sometimes)
        names = manager.add_requests(prompts, max_new_tokens=4)
        for name in names[::9]:
            manager.cancel_request(name)
        results = [manager.get_result(name) for name in names]
        monkeypatch.setattr(type(model), "forward", forward)
        ends = [result.finish_reason for result in results]
        assert 0 < ends.count("error") < 100
        assert 0 < ends.count("cancelled") <= 23
        for result, tokens in zip(results, expected, strict=True):
            if result.finish_reason == "error":
                assert result.error == "RuntimeError: out of luck"
            elif result.finish_reason != "cancelled":
                assert result.generated_tokens == tokens
        assert manager.get_result(manager.add_request([5], max_new_tokens=2)).error is None
        health = manager.health
        assert health.alive
        assert health.error is None
        assert health.blocks_free == health.blocks
        assert not manager._live
        assert not manager._results


def test_a_worker_that_dies_is_seen_and_takes_nobody_along_unsaid(llama, monkeypatch):
    model, _ = llama
    manager = model.init_continuous_batching(continuous_batching_config=CONFIG)
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    monkeypatch.setattr(manager._engine, "step", lambda: (_ for _ in ()).throw(SystemError("gone")))
    monkeypatch.setattr(manager, "_take_in", lambda take_in=manager._take_in: take_in() and _die())

    def _die():
        raise SystemExit("gone")

    manager.start()
    name = manager.add_request([5, 6], max_new_tokens=3)
    assert "the worker died" in manager.get_result(name).error
    manager._thread.join(5)
    assert not manager.health.alive
    assert "gone" in manager.health.error
    with pytest.raises(EngineError, match="not running"):
        manager.add_request([5, 6], max_new_tokens=3)


def test_a_stream_gives_the_new_tokens_of_a_prompt_in_a_tensor(llama):
    model, _ = llama

    async def read(manager, prompt):
        return [token async for token in manager.stream(prompt, max_new_tokens=6)]

    with running(model) as manager:
        for prompt in (torch.tensor([[5, 6, 7]]), torch.tensor([5, 6, 7])):
            assert asyncio.run(read(manager, prompt)) == alone(model, [5, 6, 7], max_new_tokens=6)


def test_many_requests_are_taken_or_refused_together(llama, monkeypatch):
    model, _ = llama
    with running(model, max_queue_size=3) as manager:
        with held(manager, monkeypatch):
            with pytest.raises(BusyError, match="no room for 4 more"):
                manager.add_requests([[5, 6]] * 4, max_new_tokens=2)
            assert manager.health.waiting == 0
            names = manager.add_requests([[5, 6]] * 3, max_new_tokens=2)
        assert [manager.get_result(name).error for name in names] == [None] * 3
        assert manager.get_result(timeout=0) is None


def test_names_given_by_the_caller_do_not_get_in_the_way_of_others(llama):
    model, _ = llama
    with running(model) as manager:
        manager.add_request([5], request_id="req_0", max_new_tokens=2)
        assert manager.add_request([6], max_new_tokens=2) != "req_0"
        with pytest.raises(ArgumentError, match="request_id is 5"):
            manager.add_request([5], request_id=5)


def test_two_managers_of_a_model_in_training():
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=4, n_positions=96, attn_pdrop=0.5, resid_pdrop=0.5)
    model = GPT2LMHeadModel(config).train()
    still = copy.deepcopy(model).eval()
    options = {"max_new_tokens": 20, "eos_token_id": -1}
    expected = alone(still, [5, 6, 7], **options)
    with running(model) as one, running(model) as two:
        names = [(manager, manager.add_requests([[5, 6, 7]] * 3, **options)) for _ in range(4) for manager in (one, two)]
        for manager, those in names:
            assert all(manager.get_result(name).generated_tokens == expected for name in those)
    assert all(module.training for module in model.modules())


def _in_a_child(manager, name, told):
    for ask in (lambda: manager.add_request([5]), lambda: manager.get_result(name), lambda: manager.stop()):
        try:
            ask()
        except EngineError as error:
            told.put(str(error))
    manager.cancel_request(name)


def test_a_forked_process_is_told_that_nobody_works_there(llama, monkeypatch):
    model, _ = llama
    context = multiprocessing.get_context("fork")
    with running(model) as manager, held(manager, monkeypatch):
        name, told = manager.add_request([5, 6], max_new_tokens=2), context.Queue()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
            child = context.Process(target=_in_a_child, args=(manager, name, told))
            child.start()
        answers = [told.get(timeout=10) for _ in range(3)]
        child.join(10)
    assert all("forked" in answer for answer in answers)
    assert child.exitcode == 0
