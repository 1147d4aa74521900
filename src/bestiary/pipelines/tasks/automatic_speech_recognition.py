"""Speech recognition: a recording of any length to its text, with times if wanted."""

import copy
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from ...core.errors import ArgumentError, InputError
from ...generation.strategy import rivals
from ...preprocess.audio.reading import load_audio
from ..base import ChunkPipeline, Parameters, Result
from ..batching import each, tensors
from ..generating import GeneratingPipeline

__all__ = ["AutomaticSpeechRecognitionPipeline"]

CHECKPOINTS = {"openai/whisper-base": "whisper"}
IMPLIED = True
# Thai, Lao, Burmese, the Japanese syllabaries, Chinese characters.
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


@dataclass(frozen=True)
class _TimedSpan:
    """Tokens of a segment, or of a word, with its times in seconds from the start of the recording."""

    tokens: list[int]
    start: float
    end: float


@dataclass(frozen=True)
class _Window:
    """A part of a recording: where it begins, and how far it overlaps with its neighbours, all in seconds."""

    start: float
    length: float
    left: float
    right: float


class AutomaticSpeechRecognitionPipeline(ChunkPipeline, GeneratingPipeline):
    """`{"text": ...}` for a recording; with times also `"chunks": [{"timestamp": (start, end), "text": ...}, ...]`.

    Inputs: a path, an http(s) address or bytes of an audio file, an array at the model's rate, or a dictionary with "array"
    (or "raw") and "sampling_rate", which is brought to it; or lists of them.

    Keywords of a call:
        return_timestamps: True: times of segments; "word": times of words. In seconds.
        chunk_length_s: cut the recording into windows of so many seconds, decode them side by side and join their texts
            where they overlap. 0, the default, hears a long recording as the model was made to: each window begins where
            the one before ended, which is more exact.
        stride_length_s: seconds that windows overlap with the one before and the one after, a number or a pair; by default a
            sixth of the window on each side.
        generate_kwargs: what the model's `generate` takes (`language`, `task`, ...); also as keywords of their own.

    As published, five beams are searched; `num_beams=1` is faster and a little less exact.
    """

    parts = ("feature_extractor", "tokenizer")
    models: ClassVar[tuple[str, ...]] = ("AutoModelForSpeechSeq2Seq",)
    generation_defaults: ClassVar[dict[str, Any]] = {"num_beams": 5}

    def _sanitize_parameters(
        self,
        chunk_length_s: float | None = None,
        stride_length_s: Any = None,
        return_timestamps: Any = None,
        generate_kwargs: dict[str, Any] | None = None,
        **generate: Any,
    ) -> Parameters:
        if return_timestamps not in (None, False, True, "word"):
            raise InputError(f"return_timestamps is {return_timestamps!r}; expected True (segments), 'word' or False")
        before: dict[str, Any] = {}
        if chunk_length_s is not None:
            before["chunk"] = chunk_length_s
        if stride_length_s is not None:
            before["stride"] = stride_length_s
        others = ("chunk_length_s", "stride_length_s", "return_timestamps", "generate_kwargs")
        during = self.generation_options({**generate, **(generate_kwargs or {})}, others)
        after = {} if return_timestamps is None else {"times": return_timestamps}
        return before, {**during, **after}, after

    def preprocess(self, input_: Any, chunk: float = 0.0, stride: Any = None) -> Iterator[dict[str, Any]]:
        rate = self.feature_extractor.sampling_rate
        if not isinstance(input_, str | bytes | os.PathLike | Mapping | np.ndarray | torch.Tensor):
            raise InputError(f"a recording is a path, bytes, an array or a dictionary; found {type(input_).__name__}")
        wave = load_audio(dict(input_) if isinstance(input_, Mapping) else input_, rate)
        room = self.feature_extractor.n_samples
        for window in _windows(len(wave) / rate, chunk, stride, room / rate):
            first = round(window.start * rate)
            part = wave[first : first + round(window.length * rate)] if chunk else wave
            long = len(part) > room
            features = self.feature_extractor(
                part,
                sampling_rate=rate,
                truncation=not long,
                padding="longest" if long else "max_length",
                return_attention_mask=True,
                return_tensors="pt",
            )
            yield {**(features if self.dtype is None else features.to(self.dtype)), "window": window}

    def _forward(self, input_tensors: Any, times: Any = False, **options: Any) -> dict[str, Any]:
        inputs = tensors(input_tensors)
        options = {**self.settings(options), "return_segments": True}
        long = inputs["input_features"].shape[-1] > self.feature_extractor.nb_max_frames
        if times or long:
            options["return_timestamps"] = True  # a recording of several windows cannot do without
        if times == "word":
            options["return_token_timestamps"] = True
        output = self.model.generate(**inputs, **options)
        return {"segments": each(output["segments"]), "window": input_tensors["window"]}

    def settings(self, options: dict[str, Any]) -> dict[str, Any]:
        """`options` with the pipeline's own settings under them; its beams give way to another strategy that is asked for."""
        settings = copy.deepcopy(self.generation_config)
        if any(source.get(name) for source in (options, self.model.generation_config) for name in rivals("beam")):
            settings.num_beams = None
        return {"generation_config": settings, **options}

    def postprocess(self, model_outputs: Any, times: Any = False) -> Result:
        spans = [self._timed_spans(output["segments"], output["window"], times == "word") for output in model_outputs]
        if not times:
            joined = _joined([[token for span in window for token in span.tokens] for window in spans])
            return Result({"text": self._text(joined)})
        windows = [output["window"] for output in model_outputs]
        counted = [
            span for window, window_spans in zip(windows, spans, strict=True) for span in window_spans if _belongs(span, window)
        ]
        chunks: list[dict[str, Any]] = [
            {"timestamp": (span.start, span.end), "text": self._text(span.tokens)} for span in counted
        ]
        return Result({"text": "".join(chunk["text"] for chunk in chunks), "chunks": chunks})

    def _text(self, tokens: list[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def _timed_spans(self, segments: list[dict[str, Any]], window: _Window, words: bool) -> list[_TimedSpan]:
        """The text tokens of the segments of a window, or of their words."""
        special, begin = set(self.tokenizer.all_special_ids), self.tokenizer.timestamp_begin
        spans: list[_TimedSpan] = []
        for segment in segments:
            start, end = window.start + float(segment["start"]), window.start + float(segment["end"])
            tokens = segment["tokens"].tolist()
            places = [place for place, token in enumerate(tokens) if token < begin and token not in special]
            text = [tokens[place] for place in places]
            if words:
                starts = [window.start + float(segment["token_timestamps"][place]) for place in places]
                spans += self._words(text, [*starts, max([*starts[-1:], end])])
            elif text:
                spans.append(_TimedSpan(text, round(start, 2), round(end, 2)))
        return spans

    def _words(self, tokens: list[int], times: list[float]) -> list[_TimedSpan]:
        """Words of a segment; `times` has one entry more than `tokens`. A space begins a word, and so does a character of a
        script that is written without spaces."""
        words: list[tuple[int, int]] = []
        for first, after in self._characters(tokens):
            text = self.tokenizer.decode(tokens[first:after])
            begins = text.startswith(" ") or _WITHOUT_SPACES.match(text)
            if words and not begins:
                words[-1] = (words[-1][0], after)
            else:
                words.append((first, after))
        return [_TimedSpan(tokens[a:b], round(times[a], 2), round(times[b], 2)) for a, b in words]

    def _characters(self, tokens: list[int]) -> Iterator[tuple[int, int]]:
        """The shortest runs of tokens that are whole characters, as (first, after the last)."""
        first = 0
        for after in range(1, len(tokens) + 1):
            # A character has at most four bytes, so four tokens that are none will never be one.
            if "\ufffd" not in self.tokenizer.decode(tokens[first:after]) or after - first == 4 or after == len(tokens):
                yield first, after
                first = after


def _windows(length: float, chunk: float, stride: Any, most: float) -> list[_Window]:
    """The windows of a recording of `length` seconds; one for all of it where `chunk` is 0."""
    if not chunk:
        if stride is not None:
            raise ArgumentError("stride_length_s needs chunk_length_s")
        return [_Window(0.0, length, 0.0, 0.0)]
    left, right = (chunk / 6, chunk / 6) if stride is None else (stride, stride) if isinstance(stride, int | float) else stride
    if not 0 < chunk <= most:
        raise InputError(
            f"chunk_length_s is {chunk}; expected more than 0 and at most the {most:g} seconds the model hears at once"
        )
    if left < 0 or right < 0 or left + right >= chunk:
        raise InputError(f"stride_length_s is {stride}; both sides together must be less than chunk_length_s ({chunk})")
    windows: list[_Window] = []
    start = 0.0
    while True:
        last = start + chunk >= length
        windows.append(_Window(start, min(chunk, length - start), left if start else 0.0, 0.0 if last else right))
        if last:
            return windows
        start += chunk - left - right


def _belongs(span: _TimedSpan, window: _Window) -> bool:
    """Whether `span` counts for this window: where two windows overlap, each counts what lies in its half of the overlap.

    A window overlaps with the one before by its own left and the other's right stride.
    """
    middle, overlap = (span.start + span.end) / 2, window.left + window.right
    first = window.start + (overlap / 2 if window.left else 0.0)
    last = window.start + window.length - (overlap / 2 if window.right else 0.0)
    return (not window.left or middle >= first) and (not window.right or middle < last)


def _joined(parts: list[list[int]]) -> list[int]:
    """Token sequences that overlap, as one.

    Of all ways to lay the beginning of a sequence over the end of the one before, the best is that with the largest share of
    equal tokens, at least two of them; there both are cut in the middle. Without one, they follow each other.
    """
    whole: list[int] = []
    tail = parts[0] if parts else []
    for part in parts[1:]:
        here, there = _meeting(tail, part)
        whole += tail[:here]
        tail = part[there:]
    return whole + tail


def _meeting(before: list[int], after: list[int]) -> tuple[int, int]:
    """Where to leave `before` and to enter `after`."""
    best, place = 0.0, (len(before), 0)
    for shift in range(1, len(before) + len(after)):
        a, b = max(0, len(before) - shift), max(0, shift - len(before))
        size = min(len(before) - a, len(after) - b)
        equal = sum(x == y for x, y in zip(before[a : a + size], after[b : b + size], strict=True))
        # Longer overlaps win against equally good shorter ones.
        quality = equal / shift + shift / 10_000
        if equal > 1 and quality > best:
            best, place = quality, (a + size // 2, b + size // 2)
    return place


PIPELINE = AutomaticSpeechRecognitionPipeline
