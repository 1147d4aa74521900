"""Transcribing recordings of any length, window by window (Radford et al. 2022, sections 3.8 and 4.5)."""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from ...core.errors import ArgumentError, InputError
from ...core.outputs import BaseModelOutput
from ...nn.inputs import check_slots
from ...nn.row_draws import row_seed, row_seeds
from .alignment import token_times
from .languages import LANGUAGES
from .request import TranscriptionRequest
from .timestamp_processor import WhisperTimeStampLogitsProcessor
from .windows import cut

# Above this temperature a transcript is too doubtful to go on from.
TRUSTED = 0.5


class SpeechModel(Protocol):
    """What transcribing asks of a model."""

    config: Any

    def __call__(self, **inputs: Any) -> Any:
        """The model's output for one decoder input."""

    def get_encoder(self) -> Any:
        """The encoder: a window (R, M, frames) to states (R, S, D)."""

    def decode(self, **kwargs: Any) -> Any:
        """Generate the tokens of one window, as the general `generate` does."""


@dataclass
class Transcript:
    """One decoding of one window. tokens: the new ones up to the end token; text: without it; first: index of the first."""

    tokens: list[int]
    text: list[int]
    first: int
    temperature: float
    result: Any
    logprob: float = 0.0
    times: list[float] | None = None
    silent: bool = False


@dataclass
class Row:
    """What is known of one recording. seek, frames: where the next window begins, and where the recording ends.

    draws: how many decodings have drawn its tokens. language: the English name of what is spoken, if a token says it.
    """

    frames: int
    seek: int = 0
    draws: int = 0
    language: str | None = None
    segments: list[dict[str, Any]] = field(default_factory=list)
    history: list[int] = field(default_factory=list)
    trusted: bool = True


@dataclass
class RowOptions:
    """Options of the general `generate` that rows may have of their own, for R rows; None: not asked for."""

    seeds: list[int] | None = None
    constraints: list[Any] | None = None

    @classmethod
    def of(cls, options: dict[str, Any], rows: int, copies: int) -> "RowOptions":
        """`seed` and `constraint` of `options`, one for all or for each recording, for `copies` rows of each of them.

        Raises:
            ArgumentError: there are as many as nothing here.
        """
        row_options = cls(None if "seed" not in options else row_seeds(options["seed"], rows, copies)[0])
        constraint = options.get("constraint")
        if constraint is not None:
            each = list(constraint) if isinstance(constraint, list | tuple) else [constraint] * (rows // copies)
            if len(each) != rows // copies:
                raise ArgumentError(
                    f"constraint holds {len(each)} constraints for {rows // copies} recordings; expected one each"
                )
            row_options.constraints = [one for one in each for _ in range(copies)]
        return row_options


class Transcription:
    """Transcribes R recordings side by side; each row goes on to its next window by itself.

    Args:
        features: (R, M, frames), or states: (R, S, D) the encoder's output for a single window. frames: length of each row.
        start: the decoder's first tokens (R, n), for the encoder's states of the first window. options: for each decoding;
            a `decoder_attention_mask` among them is that of the first tokens.
        row_options: options that differ between rows.
    """

    def __init__(
        self,
        model: SpeechModel,
        request: TranscriptionRequest,
        features: Any,
        states: Tensor | None,
        frames: list[int],
        start: Callable[[Tensor], Tensor],
        options: dict[str, Any],
        row_options: RowOptions,
    ) -> None:
        self.model, self.request, self.options, self.row_options = model, request, options, row_options
        self._start_mask: Tensor | None = options.pop("decoder_attention_mask", None)
        self.features, self.states = features, states
        self.window = 2 * model.config.max_source_positions
        self.hop = min(request.num_segment_frames or self.window, self.window)
        self.rows = [Row(count) for count in frames]
        self.start = start
        self._start: Any = None
        eos = request.settings.eos_token_id
        self.eos = set(eos) if isinstance(eos, list) else {eos}
        self.prompt = [] if request.prompt_ids is None else torch.as_tensor(request.prompt_ids).tolist()

    def run(self, progress: Callable[[Tensor], None] | None = None) -> list[Row]:
        """Transcribe every recording to its end; `progress` is told frames done and frames in all of each row (R, 2)."""
        while open_rows := [index for index, row in enumerate(self.rows) if row.seek < row.frames]:
            if progress is not None:
                progress(torch.tensor([[min(row.seek, row.frames), row.frames] for row in self.rows]))
            states = self.encode(open_rows)
            self.begin(states)
            for index, transcript in zip(open_rows, self.decode(states, open_rows), strict=True):
                self.add_segments(self.rows[index], transcript)
        return self.rows

    def begin(self, states: Tensor) -> None:
        """Settle the first tokens, once, from the states of the first window of all rows."""
        if self._start is not None:
            return
        self._start = self.start(states)
        if self._start_mask is not None:
            check_slots(self._start_mask, self._start.shape[1], len(states), "decoder_attention_mask")
        names = {token: LANGUAGES.get(text[2:-2], text[2:-2]) for text, token in self.request.lang_to_id.items()}
        for row, first_tokens in zip(self.rows, self._start.tolist(), strict=True):
            row.language = next((names[token] for token in first_tokens if token in names), None)

    def encode(self, indices: list[int]) -> Tensor:
        """The encoder's states (rows, S, D) of the next window of the rows."""
        if self.states is not None:
            return self.states[indices]
        states: Tensor = self.model.get_encoder()(self._windows(indices), return_dict=True).last_hidden_state
        return states

    def _assistant_states(self, indices: list[int]) -> dict[str, Any]:
        """The next window as an assistant's own encoder states it; nothing where it shares the model's encoder or has none."""
        assistant = self.options.get("assistant_model")
        if assistant is None or not assistant.config.is_encoder_decoder or self.states is not None:
            return {}
        if assistant.get_encoder() is self.model.get_encoder():
            return {}
        return {"assistant_encoder_outputs": assistant.get_encoder()(self._windows(indices), return_dict=True)}

    def _windows(self, indices: list[int]) -> Tensor:
        """The next window (rows, M, frames) of the rows, with silence where they end."""
        windows = self.features.new_zeros(len(indices), self.features.shape[1], self.window)
        for place, index in enumerate(indices):
            row = self.rows[index]
            part = self.features[index, :, row.seek : min(row.seek + self.hop, self.features.shape[2])]
            windows[place, :, : part.shape[1]] = part
        output: Tensor = windows
        return output

    def context_of(self, row: Row) -> list[int]:
        """The context that goes before the first tokens of a row's window: the caller's prompt and what was said so far."""
        request, room = self.request, self.model.config.max_target_positions // 2 - 1
        history = row.history if request.condition_on_prev_tokens and row.trusted else []
        opening = self.prompt[1:][-room:]
        if request.prompt_condition_type == "all-segments":
            tokens = [*opening, *history[-room:]]
        elif request.condition_on_prev_tokens and request.prev_sot_token_id is None:
            suppressed = (
                request.settings.suppress_tokens or ()
            )  # in old files the token that opens a context is the last but one
            tokens = [*self.prompt, *history][-room:] if row.trusted else []
            return [*suppressed[-2:-1], *tokens] if tokens else []
        elif request.condition_on_prev_tokens:
            tokens = [*opening, *history][-room:] if row.trusted else []
        else:  # the caller's prompt goes before every window, unless it is said to be for the first
            tokens = opening if row.seek == 0 or request.prompt_condition_type is None else []
        head = self.prompt[0] if self.prompt else request.prev_sot_token_id
        return [head, *tokens] if tokens and head is not None else tokens

    def prompts(self, indices: list[int]) -> tuple[Tensor, Tensor | None]:
        """The decoder's input (rows, n), padded on the left, and its mask, None without padding."""
        start = self._start[indices].tolist()
        rows = [[*self.context_of(self.rows[index]), *first_tokens] for index, first_tokens in zip(indices, start, strict=True)]
        longest = max(map(len, rows))
        pad = self.request.settings.pad_token_id
        ids = [[pad if pad is not None else 0] * (longest - len(row)) + row for row in rows]
        device = self._start.device
        if all(len(row) == longest for row in rows) and self._start_mask is None:
            return torch.tensor(ids, device=device), None
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device)
        if self._start_mask is not None:
            mask[:, longest - self._start.shape[1] :] = self._start_mask[indices].to(device)
        return torch.tensor(ids, device=device), mask

    def decode(self, states: Tensor, indices: list[int]) -> list[Transcript]:
        """The transcript of each row's window; one that fails a threshold is decoded again at the next temperature."""
        ids, mask = self.prompts(indices)
        transcripts: dict[int, Transcript] = {}
        left = list(range(len(indices)))
        for temperature in self.request.temperatures:
            part = (
                (states, ids, mask)
                if len(left) == len(indices)
                else (states[left], ids[left], mask if mask is None else mask[left])
            )
            decoded = self._decode_once(*part, [indices[place] for place in left], temperature)
            transcripts.update(zip(left, decoded, strict=True))
            left = [place for place in left if not transcripts[place].silent and self.failed(transcripts[place])]
            if not left:
                break
        return [transcripts[place] for place in range(len(indices))]

    def _decode_once(
        self, states: Tensor, ids: Tensor, mask: Tensor | None, indices: list[int], temperature: float | None
    ) -> list[Transcript]:
        request, options = self.request, dict(self.options)
        processors = list(options.pop("logits_processor", None) or ())
        if request.return_timestamps:
            processors.insert(0, WhisperTimeStampLogitsProcessor(request.settings, begin_index=ids.shape[1]))
        if len(request.temperatures) > 1:
            options["do_sample"] = bool(temperature)
        if temperature:
            options["temperature"] = temperature
        options |= self._of_rows(indices, bool(options.get("do_sample", request.settings.do_sample)))
        result = self.model.decode(
            encoder_outputs=BaseModelOutput(states),
            decoder_input_ids=ids,
            decoder_attention_mask=mask,
            logits_processor=processors,
            output_scores=request.logprob_threshold is not None or bool(options.pop("output_scores", None)),
            output_attentions=bool(request.return_token_timestamps) or bool(options.pop("output_attentions", None)),
            return_dict_in_generate=True,
            **self._assistant_states(indices),
            **options,
        )
        transcripts = [self._read(result, row, ids.shape[1], temperature or 0.0) for row in range(len(indices))]
        if request.return_token_timestamps:
            self._time(transcripts, result, indices)
        if request.no_speech_threshold is not None:
            self._find_silence(transcripts, states, ids, mask)
        return transcripts

    def _of_rows(self, indices: list[int], draws: bool) -> dict[str, Any]:
        """The options that the rows have of their own, for one decoding, which `draws` tokens or not."""
        options: dict[str, Any] = {}
        if self.row_options.constraints is not None:
            options["constraint"] = [self.row_options.constraints[index] for index in indices]
        if self.row_options.seeds is not None and (draws or len(self.request.temperatures) == 1):
            # Beyond the numbers of copies, so that no two streams are one.
            seeds = [row_seed(self.row_options.seeds[index], self.rows[index].draws << 32) for index in indices]
            options["seed"] = seeds if draws else seeds[0]
            for index in indices:
                self.rows[index].draws += 1
        return options

    def _read(self, result: Any, row: int, first: int, temperature: float) -> Transcript:
        """One row of a result, cut at its end token."""
        new = result.sequences[row, first:].tolist()
        end = next((place for place, token in enumerate(new) if token in self.eos), len(new))
        transcript = Transcript(new[: end + 1], new[:end], first, temperature, (result, row))
        if self.request.logprob_threshold is not None:
            rows = rows_of(result, row, len(transcript.tokens))
            steps = torch.stack([scores[place] for scores, place in zip(result.scores, rows, strict=False)]).float()
            logp = (steps * (temperature or 1.0)).log_softmax(-1)
            transcript.logprob = float(logp.gather(1, torch.tensor(transcript.tokens, device=logp.device).unsqueeze(1)).mean())
        return transcript

    def _time(self, transcripts: list[Transcript], result: Any, indices: list[int]) -> None:
        """Times of tokens, from the attention of the alignment heads while each was read. The last is read by nobody.

        The first tokens are left out of the alignment, unless there is only one, as published.
        """
        request, steps = self.request, result.cross_attentions
        for place, (index, one) in enumerate(zip(indices, transcripts, strict=True)):
            row, skipped = self.rows[index], int(one.first > 1)
            positions = min(self.hop, row.frames - row.seek) // 2
            read = list(zip(steps, rows_of(result, place, len(one.text) + 1), strict=False))[skipped:]
            if len(read) < 2 - skipped:
                one.times = [0.0] * len(one.text)
                continue
            heads = request.alignment_heads or []
            weights = [torch.stack([step[layer][at, head, 0, :positions] for step, at in read]) for layer, head in heads]
            times = token_times(torch.stack(weights), self.model.config.median_filter_width, request.time_precision)
            times = times[1 - skipped :]
            one.times = [*times, *times[-1:] * (len(one.text) - len(times))]

    def _find_silence(self, transcripts: list[Transcript], states: Tensor, ids: Tensor, mask: Tensor | None) -> None:
        """Mark rows whose transcript is unlikely and whose first token says, more than the threshold, that nobody speaks."""
        request = self.request
        begin = ids.shape[1] - self._start.shape[1] + 1
        shown = None if mask is None else mask[:, :begin]
        output = self.model(
            encoder_outputs=BaseModelOutput(states),
            decoder_input_ids=ids[:, :begin],
            decoder_attention_mask=shown,
            use_cache=False,
            return_dict=True,
        )
        quiet = output.logits[:, -1].float().softmax(-1)[:, (request.no_timestamps_token_id or 1) - 1].tolist()
        for one, probability in zip(transcripts, quiet, strict=True):
            unlikely = request.logprob_threshold is None or one.logprob < request.logprob_threshold
            one.silent = unlikely and probability > (request.no_speech_threshold or 0.0)

    def failed(self, transcript: Transcript) -> bool:
        """Whether a transcript repeats itself too much or is too unlikely."""
        request = self.request
        if request.compression_ratio_threshold is not None:
            if compression_ratio(transcript.tokens, self.model.config.vocab_size) > request.compression_ratio_threshold:
                return True
        return request.logprob_threshold is not None and transcript.logprob < request.logprob_threshold

    def add_segments(self, row: Row, transcript: Transcript) -> None:
        """Add the segments of a window's transcript to its row, and move the row on to its next window."""
        request = self.request
        row.trusted = transcript.temperature < TRUSTED
        left = min(self.hop, row.frames - row.seek)
        offset, limit = row.seek * request.time_precision_features, row.frames * request.time_precision_features
        if transcript.silent:
            row.seek += left
            return
        parts, advance = cut(transcript.text, request.begin if request.return_timestamps else None)
        for part in parts:
            end = left * request.time_precision_features if part.end is None else part.end * request.time_precision
            tokens = transcript.text[part.first : part.last]
            segment = {
                "start": min(offset + part.start * request.time_precision, limit),
                "end": min(offset + end, limit),
                "language": row.language,
                "tokens": torch.tensor(tokens, dtype=torch.int64, device=self._start.device),
                "idxs": (transcript.first + part.first, transcript.first + part.last),
                "result": transcript.result,
            }
            if transcript.times is not None:
                segment["token_timestamps"] = [offset + time for time in transcript.times[part.first : part.last]]
            row.segments.append(segment)
            pair = request.return_timestamps and len(tokens) > 2 and request.begin is not None and tokens[-2] >= request.begin
            row.history += tokens[:-1] if pair else tokens
        row.seek += left if advance is None else min(advance * self._frames_per_step(), left)

    def _frames_per_step(self) -> int:
        return max(round(self.request.time_precision / self.request.time_precision_features), 1)


def rows_of(result: Any, row: int, steps: int) -> list[int]:
    """The row that row `row` of a decoding was in each of its first `steps` steps: beams change places."""
    beams = result.get("beam_indices")
    return [row] * steps if beams is None else [place for place in beams[row, :steps].tolist() if place >= 0]


def compression_ratio(tokens: list[int], vocabulary: int) -> float:
    """How many times smaller zlib makes the tokens; a text that repeats itself is far above 1."""
    if not tokens:
        return 0.0
    width = int(math.log2(vocabulary) / 8) + 1
    data = b"".join(token.to_bytes(width, "little") for token in tokens)
    return len(data) / len(zlib.compress(data))


def frames_of(features: Tensor, attention_mask: Tensor | None, window: int) -> list[int]:
    """Frames of each row: those of the mask, else all.

    Raises:
        InputError: rows of different length may be hidden in the padding of a long batch.
    """
    rows, _, frames = features.shape
    if attention_mask is not None:
        if attention_mask.shape != (rows, frames):
            raise InputError(
                f"attention_mask has shape {tuple(attention_mask.shape)}; expected {(rows, frames)}, one per frame"
            )
        return [int(count) for count in attention_mask.sum(-1).tolist()]
    if frames > window and rows > 1:
        raise InputError(
            f"{rows} recordings of up to {frames} frames need an attention_mask that says where each ends: pass"
            " return_attention_mask=True to the feature extractor"
        )
    return [frames] * rows
