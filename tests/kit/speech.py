"""Speech whose words and their times are known: read aloud by espeak-ng, which says when each word begins."""

import ctypes
import difflib
import functools
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import espeakng_loader
import numpy as np
from scipy.signal import resample_poly

RATE = 16000
AUDIO_OUTPUT_SYNCHRONOUS, POS_CHARACTER, CHARS_UTF8 = 2, 1, 1
PARAMETER_RATE, WORDS_PER_MINUTE = 1, 150
EVENT_END_OF_LIST, EVENT_WORD, EVENT_END = 0, 1, 5


class SpokenWord(NamedTuple):
    """A word and when it is spoken, in seconds from the start of the recording."""

    text: str
    start: float
    end: float


class Recording(NamedTuple):
    """wave: (samples,) float32 at 16 kHz."""

    wave: np.ndarray
    words: list[SpokenWord]


class _Event(ctypes.Structure):
    """One event of the synthesizer (`espeak_EVENT` of speak_lib.h); positions count from 1, `sample` is in samples."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_uint64),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def _synthesizer() -> tuple[Any, int]:
    """The library and its sampling rate."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    return library, rate


@functools.cache
def read_aloud(text: str) -> Recording:
    """`text` (letters, blanks, full stops and commas) as speech; a word ends where the next begins or its sound ends.

    In a process of its own: what the synthesizer makes of a text depends on what it read before.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_read_aloud, text).result()


def _read_aloud(text: str) -> Recording:
    library, rate = _synthesizer()
    pieces: list[np.ndarray] = []
    events: list[tuple[int, int, int, int]] = []

    def collect(wave: Any, count: int, event: Any) -> int:
        if wave and count:
            pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        place = 0
        while event[place].type != EVENT_END_OF_LIST:
            one = event[place]
            events.append((one.type, one.text_position - 1, one.length, one.sample))
            place += 1
        return 0

    callback = _CALLBACK(collect)
    library.espeak_SetSynthCallback(callback)
    assert library.espeak_SetVoiceByName(b"en-us") == 0
    assert library.espeak_SetParameter(PARAMETER_RATE, WORDS_PER_MINUTE, 0) == 0
    data = text.encode()
    assert library.espeak_Synth(data, len(data) + 1, 0, POS_CHARACTER, 0, CHARS_UTF8, None, None) == 0
    wave = np.concatenate(pieces).astype(np.float32) / 32768
    edges = [event for event in events if event[0] in (EVENT_WORD, EVENT_END)]
    words = []
    for (kind, position, length, first), (*_, after) in zip(edges, [*edges[1:], (0, 0, 0, len(wave))], strict=True):
        if kind == EVENT_WORD:
            sounding = first + int(np.flatnonzero(np.abs(wave[first:after]) > 0.005)[-1])
            words.append(SpokenWord(text[position : position + length], first / rate, (sounding + 1) / rate))
    return Recording(resample_poly(wave, RATE, rate).astype(np.float32), words)


def word_error(text: str, reference: str) -> float:
    """Words to insert, delete or replace to make one text of the other, by words of the reference; punctuation aside."""
    heard, spoken = plain_words(text), plain_words(reference)
    distances = list(range(len(spoken) + 1))
    for row, word in enumerate(heard, start=1):
        diagonal, distances[0] = distances[0], row
        for column, other in enumerate(spoken, start=1):
            costs = (distances[column] + 1, distances[column - 1] + 1, diagonal + (word != other))
            diagonal, distances[column] = distances[column], min(costs)
    return distances[-1] / len(spoken)


def plain_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall("[a-z]+", text.lower())


def overlap(chunks: list[dict[str, Any]], words: list[SpokenWord]) -> float:
    """How well the times of words agree with those when they were spoken: intersection over union, 0 for words not heard."""
    texts = [" ".join(plain_words(chunk["text"])) for chunk in chunks]
    matcher = difflib.SequenceMatcher(None, texts, [word.text.lower() for word in words], autojunk=False)
    total = 0.0
    for block in matcher.get_matching_blocks():
        for place in range(block.size):
            start, end = chunks[block.a + place]["timestamp"]
            word = words[block.b + place]
            shared = min(end, word.end) - max(start, word.start)
            total += max(0.0, shared) / (max(end, word.end) - min(start, word.start))
    return total / len(words)
