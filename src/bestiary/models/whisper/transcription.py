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
from ...generation.processors.whisper_timestamps import WhisperTimeStampLogitsProcessor
from ...generation.seeds import row_seed, row_seeds
from .alignment import token_times
from .windows import cut
from .wish import Wish

# Above this temperature a transcript is too doubtful to go on from.
TRUSTED = 0.5


class SpeechModel(Protocol):
    """What transcribing asks of a model."""

    config: Any

    def __call__(self, **inputs: Any) -> Any:
        """One forward."""

    def get_encoder(self) -> Any:
        """What turns a window (R, M, frames) into states (R, S, D)."""

    def decode(self, **kwargs: Any) -> Any:
        """One decoding of one window."""


@dataclass
class Heard:
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

    draws: how many decodings have drawn its tokens.
    """

    frames: int
    seek: int = 0
    draws: int = 0
    segments: list[dict[str, Any]] = field(default_factory=list)
    history: list[int] = field(default_factory=list)
    trusted: bool = True


@dataclass
class RowOptions:
    """Options of the general `generate` that rows may have of their own, for R rows; None: not asked for."""

    seeds: list[int] | None = None
    constraints: list[Any] | None = None

    @classmethod
    def of(cls, given: dict[str, Any], rows: int, copies: int) -> "RowOptions":
        """`seed` and `constraint` of `given`, one for all or for each recording, for `copies` rows of each of them.

        Raises:
            ArgumentError: there are as many as nothing here.
        """
        made = cls(None if "seed" not in given else row_seeds(given["seed"], rows, copies)[0])
        constraint = given.get("constraint")
        if constraint is not None:
            each = list(constraint) if isinstance(constraint, list | tuple) else [constraint] * (rows // copies)
            if len(each) != rows // copies:
                raise ArgumentError(
                    f"constraint holds {len(each)} constraints for {rows // copies} recordings; expected one each"
                )
            made.constraints = [one for one in each for _ in range(copies)]
        return made


class Transcription:
    """Listens to all rows at once, each at its own pace.

    Args:
        features: (R, M, frames), or states: (R, S, D) the encoder's output for a single window. frames: length of each row.
        start: the decoder's first tokens (R, n), for the encoder's states of the first window. options: for each decoding.
        own: options that differ between rows.
    """

    def __init__(
        self,
        model: SpeechModel,
        wish: Wish,
        features: Any,
        states: Tensor | None,
        frames: list[int],
        start: Callable[[Tensor], Tensor],
        options: dict[str, Any],
        own: RowOptions,
    ) -> None:
        self.model, self.wish, self.options, self.own = model, wish, options, own
        self.features, self.states = features, states
        self.window = 2 * model.config.max_source_positions
        self.hop = min(wish.num_segment_frames or self.window, self.window)
        self.rows = [Row(count) for count in frames]
        self.start = start
        self._start: Any = None
        eos = wish.settings.eos_token_id
        self.eos = set(eos) if isinstance(eos, list) else {eos}
        self.prompt = [] if wish.prompt_ids is None else torch.as_tensor(wish.prompt_ids).tolist()

    def run(self, progress: Callable[[Tensor], None] | None = None) -> list[Row]:
        """Hear every recording to its end; `progress` is told frames done and frames in all of each row (R, 2)."""
        while open_rows := [index for index, row in enumerate(self.rows) if row.seek < row.frames]:
            if progress is not None:
                progress(torch.tensor([[min(row.seek, row.frames), row.frames] for row in self.rows]))
            states = self.hear(open_rows)
            self.begin(states)
            for index, heard in zip(open_rows, self.decode(states, open_rows), strict=True):
                self.take(self.rows[index], heard)
        return self.rows

    def begin(self, states: Tensor) -> None:
        """Settle the first tokens, once, from the states of the first window of all rows."""
        if self._start is None:
            self._start = self.start(states)

    def hear(self, indices: list[int]) -> Tensor:
        """The encoder's states (rows, S, D) of the next window of the rows."""
        if self.states is not None:
            return self.states[indices]
        states: Tensor = self.model.get_encoder()(self._windows(indices), return_dict=True).last_hidden_state
        return states

    def _heard_by_assistant(self, indices: list[int]) -> dict[str, Any]:
        """What the encoder of an assistant with one of its own makes of the next window of the rows."""
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
        return windows

    def before(self, row: Row) -> list[int]:
        """The context that goes before the first tokens of a row's window: the caller's prompt and what was said so far."""
        wish, room = self.wish, self.model.config.max_target_positions // 2 - 1
        said = row.history if wish.condition_on_prev_tokens and row.trusted else []
        opening = self.prompt[1:][-room:]
        if wish.prompt_condition_type == "all-segments":
            tokens = [*opening, *said[-room:]]
        elif wish.condition_on_prev_tokens:
            tokens = [*opening, *said][-room:] if row.trusted else []
        else:  # the caller's prompt goes before every window, unless it is said to be for the first
            tokens = opening if row.seek == 0 or wish.prompt_condition_type is None else []
        head = self.prompt[0] if self.prompt else wish.prev_sot_token_id
        return [head, *tokens] if tokens and head is not None else []

    def prompts(self, indices: list[int]) -> tuple[Tensor, Tensor | None]:
        """The decoder's input (rows, n), padded on the left, and its mask, None without padding."""
        start = self._start[indices].tolist()
        rows = [[*self.before(self.rows[index]), *own] for index, own in zip(indices, start, strict=True)]
        longest = max(map(len, rows))
        pad = self.wish.settings.pad_token_id
        ids = [[pad if pad is not None else 0] * (longest - len(row)) + row for row in rows]
        device = self._start.device
        if all(len(row) == longest for row in rows):
            return torch.tensor(ids, device=device), None
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        return torch.tensor(ids, device=device), torch.tensor(mask, device=device)

    def decode(self, states: Tensor, indices: list[int]) -> list[Heard]:
        """What is heard in each row's window; what fails a threshold is decoded again at the next temperature."""
        ids, mask = self.prompts(indices)
        heard: dict[int, Heard] = {}
        left = list(range(len(indices)))
        for temperature in self.wish.temperatures:
            part = (
                (states, ids, mask)
                if len(left) == len(indices)
                else (states[left], ids[left], mask if mask is None else mask[left])
            )
            found = self._decode_once(*part, [indices[place] for place in left], temperature)
            heard.update(zip(left, found, strict=True))
            left = [place for place in left if not heard[place].silent and self.failed(heard[place])]
            if not left:
                break
        return [heard[place] for place in range(len(indices))]

    def _decode_once(
        self, states: Tensor, ids: Tensor, mask: Tensor | None, indices: list[int], temperature: float | None
    ) -> list[Heard]:
        wish, options = self.wish, dict(self.options)
        own = list(options.pop("logits_processor", None) or ())
        if wish.return_timestamps:
            own.insert(0, WhisperTimeStampLogitsProcessor(wish.settings, begin_index=ids.shape[1]))
        if len(wish.temperatures) > 1:
            options["do_sample"] = bool(temperature)
        if temperature:
            options["temperature"] = temperature
        options |= self._of_rows(indices, bool(options.get("do_sample", wish.settings.do_sample)))
        result = self.model.decode(
            encoder_outputs=BaseModelOutput(states),
            decoder_input_ids=ids,
            decoder_attention_mask=mask,
            logits_processor=own,
            output_scores=wish.logprob_threshold is not None or bool(options.pop("output_scores", None)),
            output_attentions=bool(wish.return_token_timestamps) or bool(options.pop("output_attentions", None)),
            return_dict_in_generate=True,
            **self._heard_by_assistant(indices),
            **options,
        )
        heard = [self._read(result, row, ids.shape[1], temperature or 0.0) for row in range(len(indices))]
        if wish.return_token_timestamps:
            self._time(heard, result, indices)
        if wish.no_speech_threshold is not None:
            self._find_silence(heard, states, ids, mask)
        return heard

    def _of_rows(self, indices: list[int], draws: bool) -> dict[str, Any]:
        """The options that the rows have of their own, for one decoding, which `draws` tokens or not."""
        found: dict[str, Any] = {}
        if self.own.constraints is not None:
            found["constraint"] = [self.own.constraints[index] for index in indices]
        if self.own.seeds is not None and (draws or len(self.wish.temperatures) == 1):
            # Beyond the numbers of copies, so that no two streams are one.
            seeds = [row_seed(self.own.seeds[index], self.rows[index].draws << 32) for index in indices]
            found["seed"] = seeds if draws else seeds[0]
            for index in indices:
                self.rows[index].draws += 1
        return found

    def _read(self, result: Any, row: int, first: int, temperature: float) -> Heard:
        """One row of a result, cut at its end token."""
        new = result.sequences[row, first:].tolist()
        end = next((place for place, token in enumerate(new) if token in self.eos), len(new))
        heard = Heard(new[: end + 1], new[:end], first, temperature, (result, row))
        if self.wish.logprob_threshold is not None:
            rows = rows_of(result, row, len(heard.tokens))
            steps = torch.stack([scores[place] for scores, place in zip(result.scores, rows, strict=False)]).float()
            logp = (steps * (temperature or 1.0)).log_softmax(-1)
            heard.logprob = float(logp.gather(1, torch.tensor(heard.tokens, device=logp.device).unsqueeze(1)).mean())
        return heard

    def _time(self, heard: list[Heard], result: Any, indices: list[int]) -> None:
        """Times of tokens, from the attention of the alignment heads while each was read. The last is read by nobody."""
        wish, steps = self.wish, result.cross_attentions[1:]
        for place, (index, one) in enumerate(zip(indices, heard, strict=True)):
            row = self.rows[index]
            positions = min(self.hop, row.frames - row.seek) // 2
            read = list(zip(steps, rows_of(result, place, len(one.text) + 1)[1:], strict=False))
            if not read:
                one.times = [0.0] * len(one.text)
                continue
            heads = wish.alignment_heads or []
            weights = [torch.stack([step[layer][at, head, 0, :positions] for step, at in read]) for layer, head in heads]
            times = token_times(torch.stack(weights), self.model.config.median_filter_width, wish.time_precision)
            one.times = [*times, *times[-1:] * (len(one.text) - len(times))]

    def _find_silence(self, heard: list[Heard], states: Tensor, ids: Tensor, mask: Tensor | None) -> None:
        """Mark rows whose transcript is unlikely and whose first token says, more than the threshold, that nobody speaks."""
        wish = self.wish
        begin = ids.shape[1] - self._start.shape[1] + 1
        shown = None if mask is None else mask[:, :begin]
        output = self.model(
            encoder_outputs=BaseModelOutput(states),
            decoder_input_ids=ids[:, :begin],
            decoder_attention_mask=shown,
            use_cache=False,
            return_dict=True,
        )
        quiet = output.logits[:, -1].float().softmax(-1)[:, (wish.no_timestamps_token_id or 1) - 1].tolist()
        for one, probability in zip(heard, quiet, strict=True):
            unlikely = wish.logprob_threshold is None or one.logprob < wish.logprob_threshold
            one.silent = unlikely and probability > (wish.no_speech_threshold or 0.0)

    def failed(self, heard: Heard) -> bool:
        """Whether a transcript repeats itself too much or is too unlikely."""
        wish = self.wish
        if wish.compression_ratio_threshold is not None:
            if compression_ratio(heard.tokens, self.model.config.vocab_size) > wish.compression_ratio_threshold:
                return True
        return wish.logprob_threshold is not None and heard.logprob < wish.logprob_threshold

    def take(self, row: Row, heard: Heard) -> None:
        """Add what was heard to a row, and move on."""
        wish = self.wish
        row.trusted = heard.temperature < TRUSTED
        left = min(self.hop, row.frames - row.seek)
        offset, limit = row.seek * wish.time_precision_features, row.frames * wish.time_precision_features
        if heard.silent:
            row.seek += left
            return
        stretches, advance = cut(heard.text, wish.begin if wish.return_timestamps else None)
        for stretch in stretches:
            end = left * wish.time_precision_features if stretch.end is None else stretch.end * wish.time_precision
            tokens = heard.text[stretch.first : stretch.last]
            segment = {
                "start": min(offset + stretch.start * wish.time_precision, limit),
                "end": min(offset + end, limit),
                "tokens": torch.tensor(tokens, dtype=torch.int64, device=self._start.device),
                "idxs": (heard.first + stretch.first, heard.first + stretch.last),
                "result": heard.result,
            }
            if heard.times is not None:
                segment["token_timestamps"] = [offset + time for time in heard.times[stretch.first : stretch.last]]
            row.segments.append(segment)
            pair = wish.return_timestamps and len(tokens) > 2 and wish.begin is not None and tokens[-2] >= wish.begin
            row.history += tokens[:-1] if pair else tokens
        row.seek += left if advance is None else min(advance * self._frames_per_step(), left)

    def _frames_per_step(self) -> int:
        return max(round(self.wish.time_precision / self.wish.time_precision_features), 1)


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
