"""Speech recognition: a recording of any length to its text, with times if wanted."""

import copy
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch

from ...core.errors import ArgumentError, InputError
from ...core.kinds import Amount, fits
from ...core.logging import warn_once
from ...generation.choice import rivals
from ...preprocess.audio.reading import load_audio
from ..base import ChunkPipeline, Parameters, Result, options_of
from ..batching import each, tensors
from ..generating import GeneratingPipeline
from ..transcript import Token, join, languages, segments, words

__all__ = ["AutomaticSpeechRecognitionPipeline"]

CHECKPOINTS = {"openai/whisper-base": "whisper"}
IMPLIED = True


MOST_WINDOWS = 2**14  # of a recording


@dataclass(frozen=True)
class _Window:
    """A part of a recording: where it begins, and how long it is, in seconds."""

    start: float
    length: float


class AutomaticSpeechRecognitionPipeline(ChunkPipeline, GeneratingPipeline):
    """`{"text": ...}` for a recording; with times also `"chunks": [{"timestamp": (start, end), "text": ...}, ...]`.

    Inputs: a path, an http(s) address or bytes of an audio file, an array at the model's rate, or a dictionary with "array"
    (or "raw") and "sampling_rate", which is brought to it; or lists of them.

    Keywords of a call:
        return_timestamps: True: times of segments; "word": times of words. In seconds.
        return_language: also say, in "chunks", the English name of the language of each; None for a model of English only.
        chunk_length_s: cut the recording into windows of so many seconds, decode them side by side and join their texts
            where they overlap; with times, at what both heard at about the same time. 0, the default, hears a long
            recording as the model was made to: each window begins where the one before ended, which is more exact.
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
        return_language: bool | None = None,
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
        others = ("chunk_length_s", "stride_length_s", "return_timestamps", "return_language", "generate_kwargs")
        during = self.generation_options({**generate, **options_of(generate_kwargs=generate_kwargs)}, others)
        times = {} if return_timestamps is None else {"times": return_timestamps}
        language = {} if return_language is None else {"language": return_language}
        return before, {**during, **times}, {**times, **language}

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

    def postprocess(self, model_outputs: Any, times: Any = False, language: bool = False) -> Result:
        windows = [self._tokens(output["segments"], output["window"]) for output in model_outputs]
        transcript = join(windows, timed=bool(times))
        if not times and not language:
            return Result({"text": self._text([token.id for token in transcript])})
        if times == "word":
            spans = words(transcript, self.tokenizer.decode)
        else:
            spans = segments(transcript) if times else languages(transcript)
        chunks: list[dict[str, Any]] = [
            {
                **({"language": span.language} if language else {}),
                **({"timestamp": (span.start, span.end)} if times else {}),
                "text": self._text(span.ids),
            }
            for span in spans
        ]
        return Result({"text": "".join(chunk["text"] for chunk in chunks), "chunks": chunks})

    def _text(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def _tokens(self, segments: list[dict[str, Any]], window: _Window) -> list[Token]:
        """The text tokens of the segments of a window."""
        special, no_times = set(self.tokenizer.all_special_ids), self.model.generation_config.get("no_timestamps_token_id")
        tokens: list[Token] = []
        for segment in segments:
            ids, start, end = segment["tokens"].tolist(), float(segment["start"]), float(segment["end"])
            places = [
                place for place, token in enumerate(ids) if token not in special and (no_times is None or token < no_times)
            ]
            ends = segment.get("token_timestamps")
            # Where a token ends, the next one begins.
            edges = [(start, end)] * len(ids) if ends is None else list(pairwise([start, *map(float, ends)]))
            tokens += [
                Token(
                    ids[place],
                    window.start + edges[place][0],
                    window.start + edges[place][1],
                    first=place == places[0],
                    last=place == places[-1],
                    language=segment["language"],
                )
                for place in places
            ]
        return tokens


def _windows(length: float, chunk: float, stride: Any, most: float) -> list[_Window]:
    """The windows of a recording of `length` seconds; one for all of it where `chunk` is 0.

    Raises:
        InputError: lengths that are none, or leave no progress. ArgumentError: a stride without a chunk.
    """
    pair = stride if isinstance(stride, list | tuple) else (stride, stride)
    if not fits(chunk, Amount) or not (stride is None or fits(pair, tuple[Amount, Amount])):
        raise InputError(
            f"chunk_length_s is {chunk!r:.40}, stride_length_s {stride!r:.40}; expected seconds (a stride: or two)"
        )
    if not chunk:
        if stride is not None:
            raise ArgumentError("stride_length_s needs chunk_length_s")
        return [_Window(0.0, length)]
    if chunk > most:
        warn_once("chunk-length", f"chunk_length_s is {chunk}: the model hears {most:g} seconds at once, which are taken")
        chunk = most
    left, right = (chunk / 6, chunk / 6) if stride is None else pair
    if left + right >= chunk:
        raise InputError(f"stride_length_s is {stride}; both sides together must be less than chunk_length_s ({chunk})")
    if length > MOST_WINDOWS * (chunk - left - right):
        raise InputError(
            f"chunk_length_s {chunk} and stride_length_s {stride} cut {length:g} seconds into more than {MOST_WINDOWS} windows"
        )
    windows: list[_Window] = []
    start = 0.0
    while True:
        windows.append(_Window(start, min(chunk, length - start)))
        if start + chunk >= length:
            return windows
        start += chunk - left - right


PIPELINE = AutomaticSpeechRecognitionPipeline
