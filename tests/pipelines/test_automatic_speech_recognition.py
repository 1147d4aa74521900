"""Speech recognition: texts against the reference's pipeline, times against its `generate`."""

import dataclasses
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from kit import checkpoints
from kit.pipelines import ours, reference, same

from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.pipelines import pipeline
from bestiary.pipelines.tasks.automatic_speech_recognition import _windows
from bestiary.pipelines.transcript import Token, join, segments, words
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

RATE = 16000
TASK = "automatic-speech-recognition"
# Times are no text: a random model would write them anywhere.
TEXT_ONLY = {"num_beams": 1, "max_new_tokens": 10, "language": "en", "suppress_tokens": list(range(300, 411))}
# Nor are the tokens that stand before a text.
TIMED = {"num_beams": 1, "max_new_tokens": 12, "language": "en", "suppress_tokens": list(range(301, 310))}


def wave(seconds: float) -> np.ndarray:
    t = np.arange(int(RATE * seconds)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(t))
    return (0.3 * np.sin(2 * np.pi * (200 + 150 * t) * t) + 0.05 * noise).astype(np.float32)


SHORT, OTHER, LONG = wave(1.3), wave(1.9), wave(5.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("inputs", [SHORT, [SHORT, OTHER], {"raw": SHORT, "sampling_rate": RATE}])
def test_texts(inputs: Any, seed: int) -> None:
    folder = checkpoints.whisper(seed)
    options = {"generate_kwargs": TEXT_ONLY}
    found = ours(TASK, folder)(inputs, **options)
    # The reference empties a dictionary that it is given.
    same(found, reference(TASK, folder)(dict(inputs) if isinstance(inputs, dict) else inputs, **options))


@pytest.mark.parametrize(
    ("inputs", "options", "code"),
    [
        (np.stack([SHORT, 0.5 * SHORT]), {}, "mixed-channels"),
        (torch.from_numpy(np.stack([SHORT, 0.5 * SHORT])), {}, "mixed-channels"),
        ({"raw": np.stack([SHORT, OTHER[: len(SHORT)]]), "sampling_rate": RATE}, {}, "mixed-channels"),
        ((SHORT * 32767).astype(np.int16), {}, "whole-samples"),
        (SHORT, {"chunk_length_s": 1000}, "chunk-length"),
    ],
    ids=["two channels", "tensor", "dictionary", "16 bits", "long chunks"],
)
def test_doubtful_recordings(inputs: Any, options: dict[str, Any], code: str) -> None:
    options = {**options, "generate_kwargs": TEXT_ONLY}
    expected = reference(TASK, checkpoints.whisper())(dict(inputs) if isinstance(inputs, dict) else inputs, **options)
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=rf"\[{code}\]"):
        answer = ours(TASK, checkpoints.whisper())(inputs, **options)
    same(answer, expected)


def test_one_channel_and_nothing_to_hear() -> None:
    hear = ours(TASK, checkpoints.whisper())
    assert hear(SHORT[None], generate_kwargs=TEXT_ONLY) == hear(SHORT, generate_kwargs=TEXT_ONLY)
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="empty-audio"):
        assert hear(SHORT[:0], generate_kwargs=TEXT_ONLY) == {"text": ""}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("stride", [None, 0.25, (0.5, 0.25)])
def test_windows_decoded_side_by_side(stride: Any, seed: int) -> None:
    folder = checkpoints.whisper(seed)
    options = {"chunk_length_s": 2, "generate_kwargs": TEXT_ONLY}
    options |= {} if stride is None else {"stride_length_s": stride}
    found = ours(TASK, folder)([LONG, SHORT], **options)
    same(found, [ours(TASK, folder)(one, batch_size=1, **options) for one in (LONG, SHORT)])
    same(found, reference(TASK, folder)([LONG, SHORT], **options))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_times_of_segments(seed: int) -> None:
    """Long and short recordings give the segments of the reference's `generate`."""
    folder = checkpoints.whisper(seed)
    made, other = ours(TASK, folder), reference(TASK, folder)
    for clip in (LONG, SHORT):
        found = made(clip, return_timestamps=True, generate_kwargs=TIMED)
        long = len(clip) > 2 * RATE
        how = {"truncation": False, "padding": "longest"} if long else {}
        inputs = other.feature_extractor(clip, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True, **how)
        segments = other.model.generate(**inputs, return_timestamps=True, return_segments=True, **TIMED)["segments"][0]
        end = len(clip) / RATE  # where the reference's times may lie beyond
        expected = [
            {
                "timestamp": tuple(round(min(float(one[side]), end), 2) for side in ("start", "end")),
                "text": other.tokenizer.decode(one["tokens"], skip_special_tokens=True),
            }
            for one in segments
            if any(token < 300 for token in one["tokens"].tolist())
            # Of a short recording the reference goes on in the silence after its end.
            if long or float(one["start"]) < end
        ]
        same(found["chunks"], expected)
        assert found["text"] == "".join(chunk["text"] for chunk in found["chunks"])
        assert all(0 <= start <= end <= len(clip) / RATE for start, end in (chunk["timestamp"] for chunk in found["chunks"]))


def test_a_long_recording_needs_no_keyword() -> None:
    made = ours(TASK, checkpoints.whisper(2))
    assert made(LONG, generate_kwargs=TIMED) == {"text": made(LONG, return_timestamps=True, generate_kwargs=TIMED)["text"]}


# Of these models only some write times that make segments: the reference takes three in a row for an end and two beginnings.
@pytest.mark.parametrize(("seed", "clip"), [(0, OTHER), (1, SHORT), (1, OTHER), (1, LONG)])
def test_times_of_words(seed: int, clip: np.ndarray) -> None:
    folder = checkpoints.whisper(seed)
    options = {"return_timestamps": "word", "generate_kwargs": TIMED}
    found = ours(TASK, folder)(clip, **options)["chunks"]
    same(found, reference(TASK, folder)(clip, **options)["chunks"])


@pytest.mark.parametrize("seed", [0, 1])
def test_words_of_windows_side_by_side(seed: int) -> None:
    options = {"chunk_length_s": 2, "generate_kwargs": TIMED}
    found = ours(TASK, checkpoints.whisper(seed))(LONG, return_timestamps="word", **options)["chunks"]
    assert len(found) > 3
    assert all(0 <= one["timestamp"][0] <= one["timestamp"][1] + 1e-9 <= 5.01 for one in found)


def tokens(*segments: list[int], step: float = 1.0) -> list[Token]:
    """Tokens of these segments, a second each, one after the other."""
    flat = [(token, place == 0, place == len(ids) - 1) for ids in segments for place, token in enumerate(ids)]
    return [Token(token, place * step, (place + 1) * step, first, last) for place, (token, first, last) in enumerate(flat)]


def test_words_begin_at_spaces_and_where_none_are_written() -> None:
    tokenizer = ours(TASK, checkpoints.whisper(1)).tokenizer
    ids = tokenizer(" Hello, world 你好。 ok", add_special_tokens=False)["input_ids"]
    spans = words(tokens(ids), tokenizer.decode)
    assert [tokenizer.decode(word.ids) for word in spans] == [" Hello,", " world", " ", "你", "好。", " ok"]
    assert [word.end for word in spans[:-1]] == [word.start for word in spans[1:]]


def test_recordings_from_anywhere(tmp_path: Any) -> None:
    made = ours(TASK, checkpoints.whisper(1))
    expected = made(SHORT, **TEXT_ONLY)
    file = io.BytesIO()
    soundfile.write(file, SHORT, RATE, format="WAV", subtype="FLOAT")
    (tmp_path / "a.wav").write_bytes(file.getvalue())
    for inputs in (str(tmp_path / "a.wav"), tmp_path / "a.wav", file.getvalue(), torch.from_numpy(SHORT)):
        assert made(inputs, **TEXT_ONLY) == expected
    given = {"array": SHORT, "sampling_rate": RATE, "path": "a.wav"}
    assert made(given, **TEXT_ONLY) == expected
    assert set(given) == {"array", "sampling_rate", "path"}
    halved = {"array": SHORT[::2], "sampling_rate": RATE // 2}
    assert isinstance(made(halved, **TEXT_ONLY)["text"], str)


def test_windows_cover_the_recording() -> None:
    found = _windows(10.0, 4.0, (1.0, 0.5), 30.0)
    assert [(one.start, one.length) for one in found] == [(0.0, 4.0), (2.5, 4.0), (5.0, 4.0), (7.5, 2.5)]
    assert [(one.start, one.length) for one in _windows(10.0, 6.0, None, 30.0)] == [(0.0, 6.0), (4.0, 6.0)]


def ids_of(joined: list[Token]) -> list[int]:
    return [token.id for token in joined]


def test_windows_that_overlap_are_joined() -> None:
    ids = list(range(20))
    timed = [tokens(ids[:9]), later(tokens(ids[6:15]), 6.0), later(tokens(ids[11:]), 11.0)]
    assert ids_of(join(timed, timed=True)) == ids
    assert ids_of(join([tokens(ids[:9]), tokens(ids[6:15]), tokens(ids[11:])])) == ids
    assert ids_of(join([tokens(ids[:9]), tokens([*ids[6:8], 99, *ids[9:]])])) == [*ids[:8], 99, *ids[9:]]
    assert ids_of(join([tokens([1, 2]), tokens([3, 4])])) == [1, 2, 3, 4]
    assert join([]) == []


def spoken(start: float, *segments: tuple[str, float]) -> list[Token]:
    """The words of a window as tokens; each segment's text with its end, in seconds. A word's id is made of its letters."""
    window: list[Token] = []
    for text, end in segments:
        ids = [int.from_bytes(word.encode()) for word in text.split()]
        window += [Token(one, start, end, place == 0, place == len(ids) - 1) for place, one in enumerate(ids)]
        start = end
    return window


def said(joined: list[Token]) -> str:
    return " ".join(token.id.to_bytes(20).lstrip(b"\0").decode() for token in joined)


def overlapping(before: str, after: str) -> list[list[Token]]:
    """Windows of 10 s in which `before` and `after` are said, the second from 4 s on."""
    return [spoken(0.0, (before, 10.0)), spoken(4.0, (after, 4.0 + 10.0 * len(after.split()) / len(before.split())))]


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        (
            "the garlic and the ginger and stir for one minute now add the rice and",
            "the ginger and stir for one minute add the rice and stir until it is done",
            "the garlic and the ginger and stir for one minute add the rice and stir until it is done",
        ),
        (
            "heat the oil and add the onions and stir until they are golden and out the rice",
            "the onions and stir them until they are golden add the rice and stir",
            "heat the oil and add the onions and stir until they are golden add the rice and stir",
        ),
        (
            "she said that people buy more flowers when the whether is mad because a",
            "people by more flowers when weather is bad because a grey day needs",
            "she said that people buy more flowers when weather is bad because a grey day needs",
        ),
    ],
)
def test_windows_with_times_are_joined_at_what_both_heard(before: str, after: str, whole: str) -> None:
    """No word is lost or repeated where a window has more words than the other, and others at its edges."""
    assert said(join(overlapping(before, after), timed=True)) == whole


def test_windows_with_times_that_have_nothing_in_common_follow_each_other() -> None:
    before, after = spoken(0.0, ("a b c d e f g h", 8.0)), spoken(4.0, ("o p q r s t", 10.0))
    assert said(join([before, after], timed=True)) == "a b c d e f g h o p q r s t"
    assert said(join([before, [], after, []], timed=True)) == "a b c d e f g h o p q r s t"


def test_the_same_words_at_other_times_are_not_the_same() -> None:
    before, after = spoken(0.0, ("so be it so", 4.0), ("it goes", 6.0)), spoken(4.0, ("it goes so", 7.0), ("be it", 9.0))
    assert said(join([before, after], timed=True)) == "so be it so it goes so be it"


def later(window: list[Token], seconds: float) -> list[Token]:
    return [dataclasses.replace(token, start=token.start + seconds, end=token.end + seconds) for token in window]


def test_segments_are_cut_after_windows_are_joined() -> None:
    """A segment that a window breaks off goes on in the next one; whole ones stay what they are."""
    before, after = tokens([0, 1, 2], [3, 4, 5, 6, 7]), tokens([5, 6, 7, 8, 9], [10, 11])
    spans = segments(join([before, later(after, 5.0)]))
    assert [(span.ids, span.start, span.end) for span in spans] == [
        ([0, 1, 2], 0.0, 3.0),
        ([3, 4, 5, 6, 7, 8, 9], 3.0, 10.0),
        ([10, 11], 10.0, 12.0),
    ]
    whole = segments(join([tokens([0, 1, 2], [3, 4]), later(tokens([3, 4], [5]), 3.0)]))
    assert [(span.ids, span.start, span.end) for span in whole] == [([0, 1, 2], 0.0, 3.0), ([3, 4], 3.0, 5.0), ([5], 5.0, 6.0)]


def test_segments_of_neighbouring_windows_do_not_overlap() -> None:
    broken = [Token(0, 0.0, 4.0, True, False), Token(1, 3.0, 5.0, True, True)]
    assert [(span.start, span.end) for span in segments(broken)] == [(0.0, 3.0), (3.0, 5.0)]
    entered = [Token(0, 0.0, 4.0, True, True), Token(1, 3.0, 5.0, False, True)]
    assert [(span.start, span.end) for span in segments(entered)] == [(0.0, 4.0), (4.0, 5.0)]


@pytest.mark.parametrize("times", [None, True, "word"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_language_of_what_is_spoken(language: str, times: Any) -> None:
    options = {"return_timestamps": times, "return_language": True, "generate_kwargs": {**TIMED, "language": language}}
    found = ours(TASK, checkpoints.whisper(1))(OTHER, **options)
    assert {chunk["language"] for chunk in found["chunks"]} == {{"en": "english", "fr": "french"}[language]}
    assert ("timestamp" in found["chunks"][0]) == (times is not None)


def test_a_plain_tokenizer_serves_as_well(tmp_path: Path) -> None:
    folder = checkpoints.whisper(1)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    plain = pipeline(TASK, tmp_path, device="cpu")
    assert type(plain.tokenizer) is PreTrainedTokenizerFast
    for times in (None, True, "word"):
        options = {"return_timestamps": times, "return_language": True, "generate_kwargs": TIMED}
        assert plain(LONG, **options) == ours(TASK, folder)(LONG, **options)


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        (SHORT, {"return_timestamps": "char"}, InputError, "return_timestamps is 'char'"),
        (SHORT, {"chunk_length_s": "3"}, InputError, "chunk_length_s is '3'.*; expected seconds"),
        (SHORT, {"chunk_length_s": -1}, InputError, "chunk_length_s is -1"),
        (SHORT, {"chunk_length_s": float("nan")}, InputError, "chunk_length_s is nan"),
        (SHORT, {"chunk_length_s": 1e-9}, InputError, "more than 16384 windows"),
        (SHORT, {"chunk_length_s": 2, "stride_length_s": (1, 0.9999999)}, InputError, "more than 16384 windows"),
        (SHORT, {"chunk_length_s": 2, "stride_length_s": (0.1, 0.1, 0.1)}, InputError, "expected seconds"),
        (SHORT, {"chunk_length_s": 2, "stride_length_s": "a"}, InputError, "expected seconds"),
        (SHORT, {"generate_kwargs": 3}, ArgumentError, "generate_kwargs is 3; expected a dictionary of options"),
        (SHORT, {"chunk_length_s": 2, "stride_length_s": 1}, InputError, "less than chunk_length_s"),
        (SHORT, {"stride_length_s": 1}, ArgumentError, "needs chunk_length_s"),
        (SHORT, {"languag": "en"}, ArgumentError, "Did you mean 'language'"),
        (3, {}, InputError, "a recording is a path"),
        (np.full(9, np.nan), {}, InputError, "NaN"),
        (np.zeros((500, 2), np.float32), {}, InputError, "one channel"),
    ],
)
def test_wrong_use(inputs: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ours(TASK, checkpoints.whisper())(inputs, **options)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_five_beams_unless_something_else_is_asked_for(seed: int) -> None:
    folder = checkpoints.whisper(seed)
    unsaid = {name: value for name, value in TEXT_ONLY.items() if name != "num_beams"}
    found = ours(TASK, folder)([SHORT, OTHER], generate_kwargs=unsaid)
    same(found, reference(TASK, folder)([SHORT, OTHER], generate_kwargs=unsaid))
    assert found == ours(TASK, folder)([SHORT, OTHER], generate_kwargs={**unsaid, "num_beams": 5})
    one = ours(TASK, folder)(SHORT, generate_kwargs=TEXT_ONLY)
    assert ours(TASK, folder)(SHORT, generate_kwargs={**unsaid, "prompt_lookup_num_tokens": 2}) == one
