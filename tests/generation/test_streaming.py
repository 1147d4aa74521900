"""Streams of batches and of beams: for every row, the pieces join up to the text, and nothing is taken back."""

import asyncio
import gc
import queue
import random
import threading
import weakref

import pytest
import torch
from kit.tiny_models import tiny

from bestiary.cache import DynamicCache
from bestiary.core.errors import ArgumentError, InputError
from bestiary.generation import (
    AsyncBatchTextIteratorStreamer,
    AsyncTextIteratorStreamer,
    BaseStreamer,
    BatchTextIteratorStreamer,
    BatchTextStreamer,
    RowStreamer,
    TextIteratorStreamer,
    TextPiece,
)
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

ALPHABET = "the a.n ' , !?\n日本語中文한국😀👩‍👩‍👧🇩e\u0301ẞ\ufffd"
WAYS = [
    {},
    {"do_sample": True, "seed": 0, "top_k": 0},
    {"do_sample": True, "seed": 0, "num_return_sequences": 3, "top_k": 0},
    {"num_beams": 3},
    {"num_beams": 4, "num_return_sequences": 3, "length_penalty": -1.0},
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    {"num_beams": 3, "do_sample": True, "seed": 0},
    {"prompt_lookup_num_tokens": 3},
]


@pytest.fixture(scope="module")
def prompts(byte_level):
    rows = [byte_level(text)["input_ids"] for text in ("日本 says ", "the end 😀👩‍👩‍👧", "e\u0301")]
    longest = max(map(len, rows))
    ids = torch.tensor([[1] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}, rows


def spoken(model, byte_level):
    """Settings under which rows end early and late."""
    return {"eos_token_id": [40, 77, 91], "pad_token_id": 1, "max_new_tokens": 30, "return_dict_in_generate": True}


def final(made, rows, width, ends):
    """Prompt and new tokens of each returned row, up to its end."""
    copies, found = len(made.sequences) // len(rows), []
    for index, row in enumerate(made.sequences.tolist()):
        new = row[width:]
        stop = next((place + 1 for place, token in enumerate(new) if token in ends), len(new))
        found.append((rows[index // copies], new[:stop] if made.finish_reasons[index] == "eos" else new))
    return found


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("skip", [False, True])
def test_pieces_of_every_row_join_up_to_its_text(byte_level, prompts, way, skip):
    given, rows = prompts
    model, pieces = tiny("llama", 2, len(byte_level)), []
    options = spoken(model, byte_level)
    streamer = BatchTextStreamer(byte_level, pieces.append, skip_prompt=skip)
    made = model.generate(**given, streamer=streamer, **options, **way)
    quiet = model.generate(**given, **options, **way)
    assert torch.equal(made.sequences, quiet.sequences)
    joined, tokens, reasons = {}, {}, {}
    for piece in pieces:
        assert piece.row not in reasons, "a piece after the end"
        joined[piece.row] = joined.get(piece.row, "") + piece.text
        tokens[piece.row] = tokens.get(piece.row, ()) + piece.tokens
        if piece.finish_reason is not None:
            reasons[piece.row] = piece.finish_reason
    assert [reasons[row] for row in range(len(made.sequences))] == made.finish_reasons
    for row, (prompt, new) in enumerate(final(made, rows, given["input_ids"].shape[1], options["eos_token_id"])):
        ids = new if skip else [*prompt, *new]
        assert list(tokens[row]) == ids
        whole = byte_level.decode(ids)
        assert joined[row] == whole
        if "\ufffd" not in whole:
            assert not any("\ufffd" in piece.text for piece in pieces if piece.row == row)
    rows_with_early_text = {piece.row for piece in pieces[: len(pieces) // 2] if piece.text}
    assert rows_with_early_text


def saying(model, script):
    """`model`, which will greedily write the rows of `script` (R, N)."""
    step = iter(range(script.shape[1]))

    class Script:
        def __call__(self, input_ids, scores):
            return torch.full_like(scores, -9.0).scatter(1, script[:, next(step)].unsqueeze(1), 9.0)

    return {"logits_processor": [Script()]}


@pytest.mark.parametrize("kind", ["byte_level", "byte_fallback", "word_piece"])
def test_every_script_and_broken_bytes(makers, kind):
    """Rows of emoji, CJK, combining marks and blindly drawn ids, in batches."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=makers[kind]())
    model, draw = tiny("llama", 0, len(tokenizer)), random.Random(0)
    for _ in range(12):
        texts = ["".join(draw.choice(ALPHABET) for _ in range(20)) for _ in range(4)]
        rows = [tokenizer(text)["input_ids"][:14] for text in texts]
        rows = [row + [draw.randrange(3, len(tokenizer)) for _ in range(14 - len(row))] for row in rows]
        pieces = dict.fromkeys(range(4), "")

        def keep(piece, pieces=pieces):
            pieces[piece.row] += piece.text

        streamer = BatchTextStreamer(tokenizer, keep, skip_prompt=True)
        script = saying(model, torch.tensor(rows))
        made = model.generate(torch.full((4, 1), 3), streamer=streamer, eos_token_id=None, max_new_tokens=14, **script)
        assert made[:, 1:].tolist() == rows
        assert list(pieces.values()) == [tokenizer.decode(row) for row in rows]


def in_thread(call):
    failures = []

    def run():
        try:
            call()
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failures


def join(pieces, rows):
    return ["".join(piece.text for piece in pieces if piece.row == row) for row in range(rows)]


@pytest.mark.parametrize("way", [{}, {"num_beams": 3}], ids=str)
def test_iterators(byte_level, prompts, way):
    given, rows = prompts
    model = tiny("llama", 2, len(byte_level))
    options = spoken(model, byte_level)
    made = model.generate(**given, **options, **way)
    expected = [byte_level.decode(new) for _, new in final(made, rows, given["input_ids"].shape[1], options["eos_token_id"])]
    streamer = BatchTextIteratorStreamer(byte_level, skip_prompt=True, timeout=20)
    for _ in range(2):  # it can be used again
        thread, failures = in_thread(lambda: model.generate(**given, streamer=streamer, **options, **way))
        assert join(list(streamer), 3) == expected
        thread.join()
        assert not failures

    async def read():
        streamer = AsyncBatchTextIteratorStreamer(byte_level, skip_prompt=True, timeout=20)
        thread, failures = in_thread(lambda: model.generate(**given, streamer=streamer, **options, **way))
        pieces = [piece async for piece in streamer]
        thread.join()
        assert not failures
        return pieces

    assert join(asyncio.run(read()), 3) == expected


def test_a_function_gets_pieces(byte_level, prompts):
    given, rows = prompts
    model, pieces = tiny("llama", 2, len(byte_level)), []
    options = spoken(model, byte_level)
    made = model.generate(**given, streamer=pieces.append, tokenizer=byte_level, **options)
    assert all(isinstance(piece, TextPiece) for piece in pieces)
    ends = options["eos_token_id"]
    found = final(made, rows, given["input_ids"].shape[1], ends)
    assert join(pieces, 3) == [byte_level.decode(new, skip_special_tokens=True) for _, new in found]
    bare = []
    model.generate(**given, streamer=bare.append, **options)
    assert not any(piece.text for piece in bare)
    assert [[token for piece in bare if piece.row == row for token in piece.tokens] for row in range(3)] == [
        new for _, new in found
    ]
    with pytest.raises(ArgumentError, match="streamer is a int"):
        model.generate(**given, streamer=3)


@pytest.mark.parametrize("way", [{}, {"num_beams": 3}], ids=str)
def test_a_function_can_stop_it(byte_level, prompts, way):
    given, _ = prompts
    model, seen = tiny("llama", 2, len(byte_level)), []

    def enough(piece):
        seen.append(piece)
        return len(seen) < 4

    options = {**spoken(model, byte_level), "eos_token_id": None}
    made = model.generate(**given, streamer=enough, tokenizer=byte_level, **options, **way)
    assert made.finish_reasons == ["cancelled"] * 3
    assert made.sequences.shape[1] < given["input_ids"].shape[1] + 30
    assert [piece.finish_reason for piece in seen[-3:]] == ["cancelled"] * 3


class Broken(RuntimeError):
    pass


@pytest.mark.parametrize("way", [{}, {"num_beams": 3}], ids=str)
@pytest.mark.parametrize("fails_at", [0, 3])
def test_an_error_reaches_the_reader(byte_level, prompts, way, fails_at):
    given, _ = prompts
    model, calls = tiny("llama", 2, len(byte_level)), []

    def fail(module, args):
        calls.append(1)
        if len(calls) > fails_at:
            raise Broken("no more")

    model.model.register_forward_pre_hook(fail)
    streamer = BatchTextIteratorStreamer(byte_level, timeout=20)
    thread, failures = in_thread(lambda: model.generate(**given, streamer=streamer, **way))
    with pytest.raises(Broken, match="no more"):
        list(streamer)
    thread.join()
    assert isinstance(failures[0], Broken)

    async def read():
        calls.clear()
        streamer = AsyncBatchTextIteratorStreamer(byte_level, timeout=20)
        thread, _ = in_thread(lambda: model.generate(**given, streamer=streamer, max_new_token=3))
        try:
            return [piece async for piece in streamer]
        finally:
            thread.join()

    with pytest.raises(ArgumentError, match="max_new_token"):
        asyncio.run(read())


def test_cancelling_frees_at_once(byte_level, prompts):
    """The reader gives up; the generation ends within a step, and its cache is gone."""
    given, _ = prompts
    model, caches, steps = tiny("llama", 2, len(byte_level)), [], []
    make = model.make_cache

    def noting(*args):
        cache = make(*args)
        caches.append(weakref.ref(cache))
        return cache

    model.make_cache = noting
    model.model.register_forward_pre_hook(lambda module, args: steps.append(1))
    streamer = BatchTextIteratorStreamer(byte_level, skip_prompt=True, timeout=20)
    results = []
    thread, failures = in_thread(
        lambda: results.append(model.generate(**given, streamer=streamer, max_new_tokens=400, eos_token_id=None))
    )
    next(streamer)
    streamer.cancel()
    at = len(steps)
    thread.join()
    assert not failures
    assert len(steps) <= at + 3
    gc.collect()
    assert caches
    assert caches[0]() is None


def test_a_reader_that_waits_too_long(byte_level):
    with pytest.raises(queue.Empty):
        next(BatchTextIteratorStreamer(byte_level, timeout=0.01))

    async def read():
        return await anext(aiter(AsyncBatchTextIteratorStreamer(byte_level, timeout=0.01)))

    with pytest.raises(TimeoutError):
        asyncio.run(read())


@pytest.mark.parametrize("way", WAYS[3:7], ids=str)
def test_the_streamers_of_one_row_follow_beams(byte_level, prompts, way):
    model = tiny("llama", 2, len(byte_level))
    options = spoken(model, byte_level)
    prompt = prompts[0]["input_ids"][1:2]
    streamer = TextIteratorStreamer(byte_level, skip_prompt=True, timeout=20)
    call = lambda: model.generate(prompt, streamer=streamer, **options, **way)  # noqa: E731
    if way.get("num_return_sequences"):
        with pytest.raises(ArgumentError, match="not of 3; a BatchTextStreamer does"):
            call()
        return
    made = call()
    [(_, new)] = final(made, [prompt[0].tolist()], prompt.shape[1], options["eos_token_id"])
    pieces = list(streamer)
    assert "".join(pieces) == byte_level.decode(new)
    assert len(pieces) > 1


def test_the_streamers_of_one_row_refuse_a_batch(byte_level, prompts):
    model = tiny("llama", 2, len(byte_level))
    with pytest.raises(InputError, match="streams one row; the batch has 3"):
        model.generate(**prompts[0], streamer=TextIteratorStreamer(byte_level))


class Rows(RowStreamer):
    """A streamer of the user's own."""

    def __init__(self):
        self.log = []

    def begin(self, prompts):
        self.log.append(("begin", prompts))

    def take(self, row, tokens):
        self.log.append((row, tokens))

    def finish(self, row, reason):
        self.log.append((row, reason))

    def end(self):
        self.log.append("end")


def test_own_streamers_by_row(byte_level, prompts):
    given, rows = prompts
    model, own = tiny("llama", 2, len(byte_level)), Rows()
    made = model.generate(**given, streamer=own, max_new_tokens=2, eos_token_id=None)
    new = made[:, -2:].tolist()
    assert own.log[0] == ("begin", rows)
    assert own.log[1:7] == [(row, [new[row][step]]) for step in range(2) for row in range(3)]
    assert own.log[7:] == [*((row, "length") for row in range(3)), "end"]


def test_a_warm_cache_streams_the_same(byte_level, prompts):
    model, cache = tiny("llama", 2, len(byte_level)), DynamicCache()
    prompt = prompts[0]["input_ids"][1:2]
    cold, warm = [], []
    model.generate(prompt, streamer=cold.append, tokenizer=byte_level, max_new_tokens=9, eos_token_id=None)
    with torch.no_grad():
        model(prompt[:, :3], past_key_values=cache)
    model.generate(
        prompt, past_key_values=cache, streamer=warm.append, tokenizer=byte_level, max_new_tokens=9, eos_token_id=None
    )
    assert cold == warm


def test_a_class_of_the_users_own_with_put_and_end(byte_level, prompts):
    class Plain:
        def __init__(self):
            self.got = []

        def put(self, value):
            self.got.append(value)

        def end(self):
            self.got.append("end")

    plain = Plain()
    made = tiny("llama", 2, len(byte_level)).generate(**prompts[0], streamer=plain, max_new_tokens=3, eos_token_id=None)
    assert plain.got[-1] == "end"
    assert torch.equal(torch.cat([plain.got[0], torch.stack(plain.got[1:-1], 1)], 1), made)
    assert BaseStreamer.cancelled is False


class Rude(BaseStreamer):
    """Changes what it gets, fails at a token, and fails again at the end."""

    def __init__(self, fails_at=None):
        self.left = fails_at

    def put(self, value):
        value.fill_(7)
        if self.left is not None:
            self.left -= 1
            if not self.left:
                raise KeyError("put")

    def end(self):
        if self.left == 0:
            raise OSError("end")


def test_a_streamer_cannot_change_the_text(byte_level, prompts):
    model = tiny("llama", 2, len(byte_level))
    options = {"max_new_tokens": 4, "eos_token_id": None}
    expected = model.generate(**prompts[0], **options)
    assert torch.equal(model.generate(**prompts[0], streamer=Rude(), **options), expected)


def test_what_a_streamer_raises_at_the_end_does_not_hide_what_went_wrong(byte_level, prompts):
    with pytest.raises(KeyError, match="put") as caught:
        tiny("llama", 2, len(byte_level)).generate(**prompts[0], streamer=Rude(3), max_new_tokens=4, eos_token_id=None)
    assert caught.value.__notes__ == ["Rude could not be told of it: OSError: end"]


def test_a_class_is_no_streamer(byte_level, prompts):
    with pytest.raises(ArgumentError, match="the class TextIteratorStreamer"):
        tiny("llama", 2, len(byte_level)).generate(**prompts[0], streamer=TextIteratorStreamer)


@pytest.mark.parametrize("kind", [AsyncTextIteratorStreamer, AsyncBatchTextIteratorStreamer], ids=lambda kind: kind.__name__)
def test_a_loop_that_is_closed_ends_the_generation(byte_level, prompts, kind):
    """Its reader is gone: that is no error, and nobody waits for the rest."""

    async def open_one():
        return kind(byte_level)

    streamer = asyncio.run(open_one())
    ids = prompts[0]["input_ids"][:1]
    made = tiny("llama", 2, len(byte_level)).generate(
        ids,
        attention_mask=torch.ones_like(ids),
        streamer=streamer,
        max_new_tokens=50,
        eos_token_id=None,
        return_dict_in_generate=True,
    )
    assert made.finish_reasons == ["cancelled"]
    assert made.sequences.shape[1] < ids.shape[1] + 50


def test_a_streamer_that_was_cancelled_can_be_used_again(byte_level, prompts):
    model, pieces = tiny("llama", 2, len(byte_level)), []

    def first(piece):
        pieces.append(piece)
        return len(pieces) > 1

    streamer, options = BatchTextStreamer(byte_level, first), {"max_new_tokens": 6, "eos_token_id": None}
    width = prompts[0]["input_ids"].shape[1]
    assert model.generate(**prompts[0], streamer=streamer, **options).shape[1] < width + 6
    assert model.generate(**prompts[0], streamer=streamer, **options).shape[1] == width + 6
