"""Whisper's `generate`: language and task, times, recordings of any length, second tries at a higher temperature."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ArgumentError, InputError
from ...core.outputs import BaseModelOutput, repeat_rows
from ...generation.config import GenerationConfig
from ...modeling.heads.seq2seq import Seq2SeqLM
from ...modeling.seq2seq import encoder_output
from .request import TranscriptionRequest
from .transcription import RowOptions, Transcription, frames_of, rows_of


class WhisperGeneration(Seq2SeqLM):
    """Adds `generate` for speech to a Whisper model."""

    def decode(self, **kwargs: Any) -> Any:
        """One decoding of one window, by the general `generate`."""
        # The prompt is complete: without these two no start token is put before it.
        return super().generate(**{**kwargs, "decoder_start_token_id": None, "bos_token_id": None})

    @torch.no_grad()
    def generate(  # type: ignore[override]
        self,
        input_features: Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: list[Any] | None = None,
        stopping_criteria: list[Any] | None = None,
        prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None = None,
        synced_gpus: bool = False,
        return_timestamps: bool | None = None,
        task: str | None = None,
        language: str | list[str] | None = None,
        is_multilingual: bool | None = None,
        prompt_ids: Tensor | None = None,
        prompt_condition_type: str | None = None,
        condition_on_prev_tokens: bool | None = None,
        temperature: float | tuple[float, ...] | None = None,
        compression_ratio_threshold: float | None = None,
        logprob_threshold: float | None = None,
        no_speech_threshold: float | None = None,
        num_segment_frames: int | None = None,
        attention_mask: Tensor | None = None,
        time_precision: float = 0.02,
        time_precision_features: float = 0.01,
        return_token_timestamps: bool | None = None,
        return_segments: bool = False,
        return_dict_in_generate: bool | None = None,
        force_unique_generate_call: bool | None = None,
        monitor_progress: Callable[[Tensor], None] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Transcribe or translate recordings.

        Args:
            input_features: (B, M, frames) log-mel spectrograms, 100 frames a second; more than one window (30 s) needs in a
                batch `attention_mask` (B, frames).
            return_timestamps: write times, in steps of 0.02 s; by default where there is more than one window.
            task: "transcribe" (the default) or "translate" (to English).
            language: name, code or token, or one for each row; without it, the model detects it.
            prompt_ids: context that goes before, as `get_prompt_ids` of the processor makes it.
            prompt_condition_type: "first-segment": the prompt is for the first window only; "all-segments": it stays in
                front of what was said (needs `condition_on_prev_tokens`). By default it goes before every window, or, with
                `condition_on_prev_tokens`, before the first and is pushed out by what is said.
            condition_on_prev_tokens: what was said goes before the next window.
            temperature: several values are tried in turn while a transcript compresses better than
                `compression_ratio_threshold` or its mean log probability is below `logprob_threshold`. Where that holds and
                the probability of silence is above `no_speech_threshold`, the window counts as silent.
            num_segment_frames: hear fewer frames at a time.
            return_token_timestamps: also give the second at which each token ends.
            return_segments: also give, for each row, its segments: `start` and `end` in seconds, `language` (its English name,
                None without a token that says it), `tokens`, `idxs` (their place in the decoding they come from), `result`
                (that decoding).
            force_unique_generate_call: decode a single window once; the result keeps first tokens and end token.
            seed: as in the general `generate`; the k-th decoding of a row that draws, counted over windows and temperatures,
                has a stream of its own.
            monitor_progress: is told (B, 2) frames done and frames in all, before each window.
            kwargs: fields of `GenerationConfig` and other arguments of the general `generate`.

        Returns:
            Token ids (B, T) without first and end tokens; a dictionary with `sequences`, and `segments` or `token_timestamps`,
            where those are asked for (also with `return_dict_in_generate` and times); the general output for one window with
            `return_dict_in_generate`.

        Raises:
            ArgumentError, InputError: before anything runs, for options that exclude each other or that the checkpoint lacks.
        """
        general = {
            "generation_config": generation_config,
            "logits_processor": logits_processor,
            "stopping_criteria": stopping_criteria,
            "prefix_allowed_tokens_fn": prefix_allowed_tokens_fn,
            "synced_gpus": synced_gpus or None,
        }
        forced = kwargs.pop("forced_decoder_ids", None)
        options = {**kwargs, **{name: value for name, value in general.items() if value is not None}}
        if options.get("custom_generate") is not None:
            raise ArgumentError("a custom_generate function decodes one window; call decode with the encoder's output instead")
        settings = self._settings(generation_config, options)
        if forced is None and not (settings.get("lang_to_id") or settings.get("forced_decoder_ids")):
            forced = self.config.get("forced_decoder_ids")  # where checkpoints of 2022 have them
        if return_timestamps is None and settings.get("return_timestamps") is None:
            return_timestamps = self._is_long(input_features) or None
        request = TranscriptionRequest.of(
            settings,
            forced_decoder_ids=forced,
            return_timestamps=return_timestamps,
            return_token_timestamps=return_token_timestamps,
            return_segments=return_segments,
            task=task,
            language=language,
            is_multilingual=is_multilingual,
            prompt_ids=prompt_ids,
            prompt_condition_type=prompt_condition_type,
            condition_on_prev_tokens=condition_on_prev_tokens,
            temperature=temperature,
            compression_ratio_threshold=compression_ratio_threshold,
            logprob_threshold=logprob_threshold,
            no_speech_threshold=no_speech_threshold,
            num_segment_frames=num_segment_frames,
            time_precision=time_precision,
            time_precision_features=time_precision_features,
        )
        return self._transcribe(
            input_features,
            attention_mask,
            request,
            options,
            return_dict_in_generate,
            force_unique_generate_call,
            monitor_progress,
        )

    def _settings(self, generation_config: GenerationConfig | None, options: dict[str, Any]) -> GenerationConfig:
        changes = {name: value for name, value in options.items() if name in GenerationConfig.names()}
        settings = self.generation_settings(generation_config, **changes)
        if settings.max_length is None and settings.max_new_tokens is None:
            options["max_length"] = self.config.max_target_positions  # speech ends by itself
        return settings

    def _transcribe(
        self,
        features: Any,
        attention_mask: Tensor | None,
        request: TranscriptionRequest,
        options: dict[str, Any],
        return_dict: bool | None,
        once: bool | None,
        progress: Callable[[Tensor], None] | None,
    ) -> Any:
        features = options.pop("inputs", None) if features is None else features
        encoded = options.pop("encoder_outputs", None)
        if (features is None) == (encoded is None):
            raise InputError("pass either input_features or encoder_outputs, and not both")
        if features is not None:
            _check_features(features, self.config.num_mel_bins)
        window = 2 * self.config.max_source_positions
        states = None if encoded is None else encoder_output(encoded).last_hidden_state
        frames = [window] * len(states) if states is not None else frames_of(features, attention_mask, window)
        long = self._is_long(features)
        return_dict = request.settings.return_dict_in_generate if return_dict is None else return_dict
        once = once or bool(return_dict and not request.return_timestamps and not request.return_segments)
        self._check_length(long, once, request, options)
        copies = options.pop("num_return_sequences", None) or request.settings.num_return_sequences or 1
        if copies > 1:
            features, states = (None if x is None else x.repeat_interleave(copies, 0) for x in (features, states))
            frames = [count for count in frames for _ in range(copies)]
        row_options = {name: options.pop(name) for name in ("seed", "constraint") if options.get(name) is not None}
        options["num_return_sequences"] = 1
        for name in options.keys() & {"decoder_input_ids", "decoder_attention_mask"}:
            options[name] = repeat_rows(options[name], copies, len(frames) // copies)
        ids = options.pop("decoder_input_ids", None)
        start = (lambda states: self.first_tokens(request, states, copies)) if ids is None else (lambda states: ids)
        work = Transcription(
            self, request, features, states, frames, start, options, RowOptions.of(row_options, len(frames), copies)
        )
        if once:
            return self._once(work, request, bool(return_dict))
        return self._gather(work.run(progress), request, bool(return_dict))

    def _is_long(self, features: Any) -> bool:
        """Whether there is more than one window."""
        return isinstance(features, Tensor) and features.shape[-1] > 2 * self.config.max_source_positions

    def _check_length(self, long: bool, once: bool, request: TranscriptionRequest, options: dict[str, Any]) -> None:
        if long and once:
            raise ArgumentError("a recording of several windows cannot be decoded in one call: drop force_unique_generate_call")
        if long and not request.return_timestamps:
            raise InputError(
                "the recording is longer than one window of"
                f" {2 * self.config.max_source_positions * request.time_precision_features:g} s, and only times say where the"
                " next begins: pass return_timestamps=True, or cut the recording"
            )
        if options.get("streamer") is not None and (request.return_timestamps or len(request.temperatures) > 1):
            raise ArgumentError("a streamer follows one decoding; times and several temperatures may take more than one")

    def start_column(self, request: TranscriptionRequest, states: Tensor) -> Tensor:
        """The token that begins every transcript (R, 1)."""
        start = request.settings.decoder_start_token_id
        start = self.decoder_start() if start is None else start
        if not isinstance(start, int):
            raise InputError(f"decoder_start_token_id is {start!r}; expected the id of <|startoftranscript|>")
        return torch.full((len(states), 1), start, dtype=torch.int64, device=states.device)

    def first_tokens(self, request: TranscriptionRequest, states: Tensor, copies: int = 1) -> Tensor:
        """The decoder's first tokens (R, n): start, language, task, and whether times are wanted."""
        rows = len(states)
        columns = [self.start_column(request, states)]
        if request.multilingual:
            languages = request.languages(rows // copies)
            spoken = (
                self.hear_language(request, states) if languages is None else torch.tensor(languages).repeat_interleave(copies)
            )
            columns.append(spoken.to(states.device).unsqueeze(1))
        columns.append(torch.tensor(request.rest(), dtype=torch.int64, device=states.device).expand(rows, -1))
        return torch.cat(columns, dim=1)

    def hear_language(self, request: TranscriptionRequest, states: Tensor) -> Tensor:
        """The most probable language token (R,) after the start token."""
        ids = self.start_column(request, states)
        logits = self(encoder_outputs=BaseModelOutput(states), decoder_input_ids=ids, use_cache=False).logits[:, -1]
        languages = torch.tensor(sorted(request.lang_to_id.values()), device=states.device)
        return languages[logits[:, languages].argmax(-1)]

    @torch.no_grad()
    def detect_language(
        self,
        input_features: Tensor | None = None,
        encoder_outputs: Any = None,
        generation_config: GenerationConfig | None = None,
        num_segment_frames: int | None = None,
    ) -> Tensor:
        """The language token (B,) of each recording, from its first window (or first `num_segment_frames` frames).

        Raises:
            InputError: the checkpoint names no languages.
        """
        request = TranscriptionRequest.of(self.generation_settings(generation_config))
        if not request.lang_to_id:
            raise InputError("this checkpoint's generation settings hold no lang_to_id, so there is no language to find")
        if (input_features is None) == (encoder_outputs is None):
            raise InputError("pass either input_features or encoder_outputs, and not both")
        if input_features is None:
            states: Any = encoder_output(encoder_outputs).last_hidden_state
            return self.hear_language(request, states)
        window = 2 * self.config.max_source_positions
        features = input_features[..., : min(num_segment_frames or window, window)]
        features = torch.nn.functional.pad(features, (0, window - features.shape[-1]))
        return self.hear_language(request, self.get_encoder()(features, return_dict=True).last_hidden_state)

    def _once(self, work: Transcription, request: TranscriptionRequest, return_dict: bool) -> Any:
        """One decoding of one window, with everything the general `generate` returns."""
        rows = list(range(len(work.rows)))
        states = work.encode(rows)
        work.begin(states)
        transcripts = work.decode(states, rows)
        result = transcripts[0].result[0]
        if not return_dict:
            return result.sequences
        if request.return_token_timestamps:
            times = [one.times or [] for one in transcripts]
            return {**dict(result.items()), "token_timestamps": padded([torch.tensor(row) for row in times], 0.0)}
        return result

    def _gather(self, rows: list[Any], request: TranscriptionRequest, return_dict: bool) -> Any:
        """The segments of all rows as the call wants them."""
        pad = request.settings.pad_token_id
        tokens = [torch.cat([segment["tokens"] for segment in row.segments] or [torch.empty(0)]).long() for row in rows]
        sequences = padded(tokens, 0 if pad is None else pad).to(self.device)
        if not request.return_segments and not request.return_token_timestamps and not return_dict:
            return sequences
        output: dict[str, Any] = {"sequences": sequences}
        if request.return_token_timestamps:
            times = [[time for segment in row.segments for time in segment["token_timestamps"]] for row in rows]
            output["token_timestamps"] = padded([torch.tensor(row) for row in times], 0.0)
        if request.return_segments or return_dict:
            for segment in (segment for row in rows for segment in row.segments):
                result, row = segment["result"]
                segment["result"] = row_of(result, row) if return_dict else result.sequences[row]
            output["segments"] = [row.segments for row in rows]
        return output


def padded(rows: list[Tensor], value: float) -> Tensor:
    """Rows of different length as one tensor, filled up with `value`."""
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def row_of(result: Any, row: int) -> dict[str, Any]:
    """One row of what the general `generate` returned; the cache, which all rows share, is left out."""

    def pick(value: Any, place: int) -> Any:
        if isinstance(value, Tensor):
            return value[place]
        return tuple(pick(item, place) for item in value) if isinstance(value, tuple) else value

    picked: dict[str, Any] = {"finish_reason": result.finish_reasons[row]}
    for name, value in result.items():
        if name in ("past_key_values", "settings", "finish_reasons"):
            continue
        if isinstance(value, tuple) and not name.startswith("encoder_"):
            steps = zip(value, rows_of(result, row, len(value)), strict=False)
            picked[name] = tuple(pick(step, place) for step, place in steps)
        else:
            picked[name] = pick(value, row)
    return picked


def _check_features(features: Any, bands: int) -> None:
    if isinstance(features, Tensor) and features.dim() == 3:
        return
    what = f"a tensor of shape {tuple(features.shape)}" if isinstance(features, Tensor) else type(features).__name__
    raise InputError(
        f"input_features are {what}; expected a tensor of shape (batch, {bands}, frames), as the feature extractor gives with"
        " return_tensors='pt'"
    )
