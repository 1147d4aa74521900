"""Streamers and stop strings, against the whole text decoded at once."""

import asyncio
import io
import queue
import random
import threading
from contextlib import redirect_stdout

import pytest
import torch
import transformers

import bestiary
from bestiary.core.errors import ArgumentError, InputError
from bestiary.generation import (
    AsyncTextIteratorStreamer,
    BaseStreamer,
    StopStringCriteria,
    TextDecoder,
    TextIteratorStreamer,
    TextStreamer,
)

ALPHABET = "the a.n ' , !?\n日本語中文한국😀👩‍👩‍👧🇩e\u0301ẞ\ufffd"


def texts(tokenizer, count=60):
    """Token lists: of real texts with every kind of character, and of ids drawn blindly, which make broken bytes."""
    draw = random.Random(0)
    for _ in range(count):
        yield tokenizer("".join(draw.choice(ALPHABET) for _ in range(draw.randint(1, 25))))["input_ids"]
        yield [draw.randrange(len(tokenizer)) for _ in range(draw.randint(1, 25))]


@pytest.mark.parametrize("options", [{}, {"skip_special_tokens": True}], ids=str)
def test_pieces_join_up_to_the_text(tokenizer, options):
    early = 0
    for ids in texts(tokenizer):
        decoder, pieces, at = TextDecoder(tokenizer, **options), [], 0
        draw = random.Random(len(ids))
        while at < len(ids):
            size = draw.choice([1, 1, 1, 4])
            pieces.append(decoder.push(ids[at : at + size]))
            at += size
        early += bool("".join(pieces))
        pieces.append(decoder.flush())
        whole = tokenizer.decode(ids, **options)
        assert "".join(pieces) == whole
        if "\ufffd" not in whole:
            assert not any("\ufffd" in piece for piece in pieces)
    assert early > 30, "nothing came before the end"


def test_a_token_costs_the_same_anywhere(byte_level):
    lengths = []

    class Spy:
        clean_up_tokenization_spaces = False

        def decode(self, ids, **options):
            lengths.append(len(ids))
            return byte_level.decode(ids, **options)

        def convert_ids_to_tokens(self, token):
            return byte_level.convert_ids_to_tokens(token)

    decoder = TextDecoder(Spy())
    for token in byte_level("a text that goes on and on 日本語のテキスト " * 20)["input_ids"]:
        decoder.push([token])
    assert max(lengths) < 20


def test_text_streamer_prints(byte_level):
    prompt, new = byte_level("日本 says ")["input_ids"], byte_level("hello 語😀")["input_ids"]
    for skip, expected in ((False, "日本 says hello 語😀\n"), (True, "hello 語😀\n")):
        out = io.StringIO()
        with redirect_stdout(out):
            streamer = TextStreamer(byte_level, skip_prompt=skip)
            streamer.put(torch.tensor([prompt]))
            for token in new:
                streamer.put(torch.tensor([token]))
            streamer.end()
        assert out.getvalue() == expected


def test_one_row_only(byte_level):
    with pytest.raises(InputError, match="the batch has 2"):
        TextStreamer(byte_level).put(torch.ones(2, 3, dtype=torch.long))


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


@pytest.mark.parametrize("skip", [True, False])
def test_iterator_gives_what_generate_returns(llama, byte_level, ids, skip):
    mine = llama[0]
    streamer = TextIteratorStreamer(byte_level, skip_prompt=skip, timeout=20)
    thread, failures = in_thread(lambda: mine.generate(ids[:1], max_new_tokens=30, streamer=streamer, eos_token_id=None))
    pieces = list(streamer)
    thread.join()
    assert not failures
    whole = mine.generate(ids[:1], max_new_tokens=30, eos_token_id=None)[0].tolist()
    expected = byte_level.decode(whole)
    assert "".join(pieces) == (expected[len(byte_level.decode(whole[:7])) :] if skip else expected)
    assert len(pieces) > 5


def test_async_iterator(llama, byte_level, ids):
    mine = llama[0]

    async def read():
        streamer = AsyncTextIteratorStreamer(byte_level, skip_prompt=True, timeout=20)
        thread, failures = in_thread(lambda: mine.generate(ids[:1], max_new_tokens=9, streamer=streamer))
        pieces = [piece async for piece in streamer]
        thread.join()
        assert not failures
        return "".join(pieces)

    assert asyncio.run(read()) == byte_level.decode(mine.generate(ids[:1], max_new_tokens=9)[0, 7:].tolist())


class Broken(RuntimeError):
    pass


@pytest.mark.parametrize("fails_at", [0, 3])
def test_an_error_reaches_the_reader(llama, byte_level, ids, fails_at):
    mine, calls = llama[0], []

    def fail(module, args):
        calls.append(1)
        if len(calls) > fails_at:
            raise Broken("no more")

    streamer = TextIteratorStreamer(byte_level, timeout=20)
    hook = mine.model.register_forward_pre_hook(fail)
    thread, failures = in_thread(lambda: mine.generate(ids[:1], streamer=streamer))
    with pytest.raises(Broken, match="no more"):
        list(streamer)
    thread.join()
    hook.remove()
    assert isinstance(failures[0], Broken)


def test_an_error_before_the_first_step_reaches_the_reader(llama, byte_level, ids):
    streamer = TextIteratorStreamer(byte_level, timeout=20)
    thread, failures = in_thread(lambda: llama[0].generate(ids, max_new_token=3, streamer=streamer))
    with pytest.raises(ArgumentError):
        list(streamer)
    thread.join()
    assert failures

    async def read():
        streamer = AsyncTextIteratorStreamer(byte_level, timeout=20)
        thread, _ = in_thread(lambda: llama[0].generate(ids[:1], max_new_token=3, streamer=streamer))
        try:
            return [piece async for piece in streamer]
        finally:
            thread.join()

    with pytest.raises(ArgumentError):
        asyncio.run(read())


def test_a_reader_that_waits_too_long(byte_level):
    with pytest.raises(queue.Empty):
        next(TextIteratorStreamer(byte_level, timeout=0.01))


class Keep(BaseStreamer):
    """A streamer of the user's own, for any batch."""

    def __init__(self, stop_after=None):
        self.got, self.ended, self.stop_after = [], False, stop_after

    def put(self, value):
        self.got.append(value)
        self.cancelled = self.stop_after is not None and len(self.got) > self.stop_after

    def end(self):
        self.ended = True


def test_own_streamer_with_a_batch(llama, ids):
    keep = Keep()
    made = llama[0].generate(ids, streamer=keep, max_new_tokens=5)
    assert keep.ended
    assert torch.equal(torch.cat([keep.got[0], torch.stack(keep.got[1:], 1)], 1), made)


def test_cancelling(llama, ids):
    keep = Keep(stop_after=3)
    made = llama[0].generate(ids, streamer=keep, return_dict_in_generate=True, eos_token_id=None)
    assert made.sequences.shape == (3, 10)
    assert made.finish_reasons == ["cancelled"] * 3
    assert keep.ended


# stop strings ------------------------------------------------------------------------------------------------------------


def first_stop(tokenizer, ids, stops):
    """Length of the shortest prefix whose text holds a stop string; None if none does."""
    for length in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[:length], clean_up_tokenization_spaces=False)
        if any(stop in text for stop in stops):
            return length
    return None


def test_stops_where_the_text_does(tokenizer):
    draw, found = random.Random(1), 0
    for ids in texts(tokenizer, 80):
        text = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        stops = ["zzz", "".join(draw.choice(ALPHABET[:-1]) for _ in range(draw.randint(1, 3)))]
        if len(text) > 3:
            at = draw.randrange(len(text) - 2)
            stops.append(text[at : at + draw.randint(1, 6)])
        stops = [stop for stop in stops if "\ufffd" not in stop]
        criterion, want = StopStringCriteria(tokenizer, stops), first_stop(tokenizer, ids, stops)
        got = next((n for n in range(1, len(ids) + 1) if bool(criterion(torch.tensor([ids[:n]]), None))), None)
        assert got == want, (ids, stops)
        found += want is not None
    assert found > 60


def test_rows_stop_by_themselves(byte_level):
    rows = ["go on END", "go on END and on", "no"]
    encoded = [byte_level(text)["input_ids"] for text in rows]
    length = max(map(len, encoded))
    ids = torch.tensor([[0] * (length - len(row)) + row for row in encoded])
    assert StopStringCriteria(byte_level, ["END", "STOP"])(ids).tolist() == [True, False, False]
    assert StopStringCriteria(byte_level, "END").cut("a END b END") == "a "


def test_special_tokens_write_nothing_but_are_text(byte_level):
    ids = torch.tensor([[*byte_level("ab")["input_ids"], *[1] * 40]])
    assert StopStringCriteria(byte_level, "</s></s>")(ids).tolist() == [True]


@pytest.mark.parametrize("stops", [[], "", ["a", ""], 3])
def test_stop_strings_that_are_none(byte_level, stops):
    with pytest.raises((ArgumentError, TypeError)):
        StopStringCriteria(byte_level, stops)


def test_generate_stops_at_strings(llama, byte_level, ids):
    mine, theirs = llama
    free = mine.generate(ids, max_new_tokens=25, eos_token_id=None)
    stop = byte_level.decode(free[0, 10:13].tolist())
    unused = next(token for token in range(3, 64) if token not in free)
    options = {"stop_strings": [stop], "max_new_tokens": 25, "eos_token_id": unused}
    made = mine.generate(ids, tokenizer=byte_level, return_dict_in_generate=True, **options)
    assert made.finish_reasons[0] == "stop"
    assert made.sequences.shape[1] <= 32
    peer = transformers.PreTrainedTokenizerFast(tokenizer_object=byte_level.rust.main)
    want = theirs.generate(ids, attention_mask=torch.ones_like(ids), tokenizer=peer, **options)
    assert torch.equal(made.sequences, want)


def words_of(library, tokenizer, ids, **options):
    """What the published way of streaming hands on of `ids`, three of them the prompt."""
    handed = []

    class Keeping(library.TextStreamer):
        def on_finalized_text(self, text, stream_end=False):
            handed.append((text, stream_end))

    streamers = [Keeping(tokenizer, **options), library.TextIteratorStreamer(tokenizer, timeout=20, **options)]
    for streamer in streamers:
        streamer.put(torch.tensor([ids[:3]]))
        for token in ids[3:]:
            streamer.put(torch.tensor([token]))
        streamer.end()
    return handed, list(streamers[1])


@pytest.mark.parametrize("options", [{}, {"skip_prompt": True}, {"skip_special_tokens": True}], ids=str)
def test_words_come_as_published(byte_level, options):
    draw = random.Random(0)
    published = transformers.PreTrainedTokenizerFast(tokenizer_object=byte_level.backend_tokenizer)
    for _ in range(40):
        text = "".join(draw.choice("the a.n ' , !?\n\t日本語中文한국😀👩\u200d👧🇩e\u0301ẞ  ") for _ in range(20))
        ids = [draw.randrange(len(byte_level)), *byte_level(text)["input_ids"], 0]
        assert words_of(bestiary, byte_level, ids, **options) == words_of(transformers, published, ids, **options), text
