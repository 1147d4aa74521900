"""The options of a call of Whisper's `generate`, resolved before the first window is transcribed."""

from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from ...core.errors import ArgumentError, InputError
from ...generation.config import GenerationConfig
from .languages import TASKS, language_code

CONDITIONS = ("first-segment", "all-segments")


@dataclass
class TranscriptionRequest:
    """The options of a call; each from the call, else the config passed, else the checkpoint's settings.

    language: one name, code or token, or one for each row. temperature: a number, or the numbers to try one after the other.
    settings: everything else that the checkpoint and the call say, as `generate` would use it.
    """

    settings: GenerationConfig
    return_timestamps: bool | None = None
    return_token_timestamps: bool | None = None
    return_segments: bool | None = None
    task: str | None = None
    language: Any = None
    is_multilingual: bool | None = None
    prompt_ids: Tensor | None = None
    prompt_condition_type: str | None = None
    condition_on_prev_tokens: bool | None = None
    temperature: Any = None
    compression_ratio_threshold: float | None = None
    logprob_threshold: float | None = None
    no_speech_threshold: float | None = None
    num_segment_frames: int | None = None
    time_precision: float = 0.02
    time_precision_features: float = 0.01
    forced_decoder_ids: Any = None
    lang_to_id: dict[str, int] = field(default_factory=dict)
    task_to_id: dict[str, int] = field(default_factory=dict)
    no_timestamps_token_id: int | None = None
    prev_sot_token_id: int | None = None
    alignment_heads: list[list[int]] | None = None

    @classmethod
    def of(cls, settings: GenerationConfig, **options: Any) -> Self:
        """From the resolved `settings` and what the call itself says.

        Raises:
            ArgumentError, InputError: options are unknown, exclude each other or need what the checkpoint does not say.
        """
        # The settings' own temperature is one of sampling, and stays with them.
        values = {name: settings.get(name) for name in cls.__dataclass_fields__ if name not in ("settings", "temperature")}
        values.update({name: value for name, value in options.items() if value is not None})
        self = cls(settings, **{name: value for name, value in values.items() if value is not None})
        self._check()
        return self

    def _check(self) -> None:
        if self.task is not None and self.task not in TASKS:
            raise InputError(f"task is {self.task!r}; expected one of {', '.join(TASKS)}")
        if not self.multilingual and (self.task is not None or self.language is not None):
            if self.is_multilingual is None and len(self.forced_decoder_ids or ()) > 1:
                raise InputError(
                    "language and task are chosen by lang_to_id and task_to_id of the generation settings, and this checkpoint"
                    " of 2022 has none: put the generation_config.json of the published model beside it"
                )
            raise InputError(
                "this model knows English only: language and task cannot be chosen (is_multilingual=True overrides)"
            )
        if self.prompt_condition_type not in (None, *CONDITIONS):
            raise InputError(
                f"prompt_condition_type is {self.prompt_condition_type!r}; expected one of {', '.join(CONDITIONS)}"
            )
        if self.prompt_condition_type == "all-segments" and not self.condition_on_prev_tokens:
            raise ArgumentError("prompt_condition_type='all-segments' needs condition_on_prev_tokens=True")
        if self.prompt_ids is not None and torch.as_tensor(self.prompt_ids).dim() != 1:
            raise InputError("prompt_ids is one row of token ids, as the processor's get_prompt_ids makes it")
        if self.no_speech_threshold is not None and self.logprob_threshold is None:
            raise ArgumentError("no_speech_threshold needs logprob_threshold: only an unlikely transcript is taken for silence")
        needs = {"return_timestamps": "no_timestamps_token_id", "return_token_timestamps": "alignment_heads"}
        needs |= {"no_speech_threshold": "no_timestamps_token_id"}
        for name, needed in needs.items():
            if vars(self)[name] and vars(self)[needed] is None:
                raise InputError(f"{name} needs {needed} in the generation settings, and this checkpoint has none")

    @property
    def multilingual(self) -> bool:
        """Whether the decoder's first tokens name language and task."""
        return bool(self.lang_to_id) if self.is_multilingual is None else self.is_multilingual

    @property
    def temperatures(self) -> tuple[float | None, ...]:
        """The temperatures to try, in order; None leaves it to the settings."""
        return tuple(self.temperature) if isinstance(self.temperature, list | tuple) else (self.temperature,)

    @property
    def judged(self) -> bool:
        """Whether a transcript may be thrown away."""
        return self.compression_ratio_threshold is not None or self.logprob_threshold is not None

    @property
    def begin(self) -> int | None:
        """The id of the time 0.00; None when the checkpoint knows no times."""
        return None if self.no_timestamps_token_id is None else self.no_timestamps_token_id + 1

    def _forced(self) -> tuple[int | None, int | None, list[int]]:
        """Language, task and other tokens of the older `forced_decoder_ids`; a call's language or task comes before them."""
        tokens: dict[str, int] = {}
        others = []
        for _, token in self.forced_decoder_ids or ():
            if token in self.lang_to_id.values():
                tokens["language"] = token
            elif token in self.task_to_id.values():
                tokens["task"] = token
            elif token is not None and token != self.no_timestamps_token_id:
                others.append(token)
        if self.language is not None or self.task is not None:
            tokens, others = {}, []
        return tokens.get("language"), tokens.get("task"), others

    def languages(self, rows: int) -> list[int] | None:
        """The language token of each of `rows`; None when it has to be heard.

        Raises:
            InputError: the model does not know a language, or there is not one for each row.
        """
        forced = self._forced()[0]
        if self.language is None:
            return None if forced is None else [forced] * rows
        languages = [self.language] if isinstance(self.language, str) else list(self.language)
        if len(languages) not in (1, rows):
            raise InputError(f"{len(languages)} languages were given for {rows} recordings; expected one, or one for each")
        tokens = [f"<|{language_code(language)}|>" for language in languages]
        for token in tokens:
            if token not in self.lang_to_id:
                raise InputError(
                    f"this checkpoint's lang_to_id has no {token}; it has {', '.join(self.lang_to_id) or 'nothing'}"
                )
        return [self.lang_to_id[token] for token in tokens] * (rows if len(languages) == 1 else 1)

    def rest(self) -> list[int]:
        """What follows the language: task, and the token that says that no times are wanted."""
        _, forced, others = self._forced()
        tokens = []
        if self.multilingual:
            task = self.task_to_id.get(self.task or "transcribe") if forced is None else forced
            if task is None:
                raise InputError(
                    f"this checkpoint's task_to_id has no {self.task or 'transcribe'!r}; set it in generation_config"
                )
            tokens.append(task)
        tokens += others
        if not self.return_timestamps and self.no_timestamps_token_id is not None:
            tokens.append(self.no_timestamps_token_id)
        return tokens
