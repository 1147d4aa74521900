"""Whisper's tokenizer: byte-level BPE, with tokens for language, task and times (Radford et al., 2022)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ...core.errors import ArgumentError, InputError
from ...core.files import folder_to_fill, read_json, write_json
from ...core.logging import warn_once
from ...preprocess.batch import as_tensor
from ...preprocess.text.converters import bpe
from ...preprocess.text.decoding import ids_of, row_of
from ...preprocess.text.padding import plain
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast
from .languages import TASKS, language_code
from .text_normalizer import BasicTextNormalizer, EnglishTextNormalizer
from .timestamps import segments, text_and_times

START, PREVIOUS, NO_TIMES = "<|startoftranscript|>", "<|startofprev|>", "<|notimestamps|>"
WINDOW = 1500


class WhisperTokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`; `normalizer.json` holds English spellings.

    Options: `language` (code or English name), `task` ("transcribe", "translate") and `predict_timestamps` say which tokens
    are put before a text, as the decoder is trained to see them.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    without_files = ()
    further_files_names: ClassVar[dict[str, str]] = {"normalizer_file": "normalizer.json"}
    defaults: ClassVar[dict[str, Any]] = {
        "unk_token": "<|endoftext|>",
        "bos_token": "<|endoftext|>",
        "eos_token": "<|endoftext|>",
        "add_prefix_space": False,
        "language": None,
        "task": None,
        "predict_timestamps": False,
    }

    def __init__(self, *args: Any, normalizer_file: Any = None, **options: Any) -> None:
        self.english_spelling_normalizer: dict[str, str] = {} if normalizer_file is None else read_json(normalizer_file)
        super().__init__(*args, **options)
        settings = self.init_kwargs
        self.set_prefix_tokens(settings["language"], settings["task"], settings["predict_timestamps"])

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Byte-level BPE from the two files, or from a mapping and a list of merges."""
        cls.need(vocab)
        return bpe.byte_level(*bpe.read(vocab, merges), add_prefix_space=bool(settings["add_prefix_space"]))

    def _id(self, token: str) -> int:
        rust = self.rust.main
        index = rust.token_to_id(token)
        whole = {START, NO_TIMES} <= rust.get_vocab().keys() if index is None else True
        if not whole and self.unk_token_id is not None:
            warn_once("no-start-token", f"this vocabulary lacks Whisper's tokens: {self.unk_token!r} stands for {token!r}")
            index = self.unk_token_id
        if index is None:
            raise InputError(f"this vocabulary has no {token!r}; is it one of Whisper, and of the multilingual kind?")
        return int(index)

    def _prefix(self) -> list[str]:
        settings = self.init_kwargs
        tokens = [START]
        if settings["language"] is not None:
            tokens.append(f"<|{language_code(settings['language'])}|>")
        if settings["task"] is not None:
            if settings["task"] not in TASKS:
                raise ArgumentError(f"task is {settings['task']!r}; expected one of {', '.join(TASKS)}")
            tokens.append(f"<|{settings['task']}|>")
        return tokens if settings["predict_timestamps"] else [*tokens, NO_TIMES]

    @property
    def prefix_tokens(self) -> list[int]:
        """Ids that are put before a text."""
        return [self._id(token) for token in self._prefix()]

    def set_prefix_tokens(
        self, language: str | None = None, task: str | None = None, predict_timestamps: bool | None = None
    ) -> None:
        """Change what is put before a text; None leaves a part as it was."""
        changes = {"language": language, "task": task, "predict_timestamps": predict_timestamps}
        self.init_kwargs.update({name: value for name, value in changes.items() if value is not None})
        prefix = [str(self._token_of(index)) for index in self.prefix_tokens]
        end = str(self.eos_token)
        self.rust.main.post_processor = processors.TemplateProcessing(
            single=[*prefix, "$A", end],
            pair=[*prefix, "$A", "$B:1", f"{end}:1"],
            special_tokens=[(token, self._id(token)) for token in dict.fromkeys([*prefix, end])],
        )
        self.rust.forget_twins()

    @property
    def timestamp_begin(self) -> int:
        """The id of 0.00 seconds: the one after the last special token."""
        return self._id(NO_TIMES) + 1

    def timestamp_ids(self, time_precision: float = 0.02) -> list[int]:
        """Ids of the times from 0 to 30 seconds in steps of `time_precision`."""
        return [self._id(f"<|{step * time_precision:.2f}|>") for step in range(WINDOW + 1)]

    def get_decoder_prompt_ids(
        self, task: str | None = None, language: str | None = None, no_timestamps: bool = True
    ) -> list[tuple[int, int]]:
        """Position and id of each token that generation is to begin with, after the first."""
        self.set_prefix_tokens(language, task, predict_timestamps=not no_timestamps)
        return list(enumerate(self.prefix_tokens[1:], start=1))

    def get_prompt_ids(self, text: str, return_tensors: str = "np") -> Any:
        """Ids of a text that goes before, as context for style and names.

        Raises:
            InputError: the text holds special tokens.
        """
        ids = self(f" {text.strip()}", add_special_tokens=False)["input_ids"]
        special = [token for token in ids if token in set(self.all_special_ids)]
        if special:
            raise InputError(f"a prompt is plain text; found the special token {self.convert_ids_to_tokens(special[0])!r}")
        return as_tensor([self._id(PREVIOUS), *ids], return_tensors, "prompt")

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        output_offsets: bool = False,
        time_precision: float = 0.02,
        decode_with_timestamps: bool = False,
        normalize: bool = False,
        basic_normalize: bool = False,
        remove_diacritics: bool = False,
    ) -> Any:
        """The text of ids; times are left out of it unless `decode_with_timestamps`.

        `skip_special_tokens` also leaves out a prompt that stands before. With `output_offsets` the result is
        `{"text", "offsets"}`, where offsets list the text and (start, end) in seconds of each segment.
        `normalize` applies the English normalizer, `basic_normalize` the one for all languages.
        """
        ids = plain(ids_of(token_ids))
        ids = row_of(ids) if not (isinstance(ids, list | tuple) and ids and isinstance(ids[0], list | tuple)) else ids
        if ids and isinstance(ids[0], list):
            options = {name: value for name, value in locals().items() if name not in ("self", "token_ids", "ids", "__class__")}
            return [self.decode(row, **options) for row in ids]
        if skip_special_tokens:
            ids = self._without_prompt(ids)
        begin = self.timestamp_begin
        text = "".join(
            part if isinstance(part, str) else super(WhisperTokenizer, self).decode(part, skip_special_tokens, False)
            for part in text_and_times(ids, begin, time_precision, WINDOW)
            if decode_with_timestamps or not isinstance(part, str)
        )
        if not decode_with_timestamps:
            words = [token for token in ids if token < begin]
            text = super().decode(words, skip_special_tokens, clean_up_tokenization_spaces)
        if normalize:
            text = self.normalize(text)
        elif basic_normalize:
            text = self.basic_normalize(text, remove_diacritics)
        if not output_offsets:
            return text
        spoken = segments(ids, begin, time_precision, WINDOW)
        offsets = [{"text": super(WhisperTokenizer, self).decode(one.ids), "timestamp": (one.start, one.end)} for one in spoken]
        return {"text": text, "offsets": offsets}

    def _without_prompt(self, ids: Sequence[int]) -> list[int]:
        start = self._id(START)
        if ids and ids[0] == self._id(PREVIOUS):
            return list(ids[ids.index(start) :]) if start in ids else []
        return list(ids)

    def normalize(self, text: str) -> str:
        """English text as it is compared for word error rates."""
        return EnglishTextNormalizer(self.english_spelling_normalizer)(text)

    @staticmethod
    def basic_normalize(text: str, remove_diacritics: bool = False) -> str:
        """Text of any language: lower case, no punctuation, no bracketed remarks."""
        return BasicTextNormalizer(remove_diacritics)(text)

    def save_pretrained(self, save_directory: Any, *args: Any, **options: Any) -> tuple[str, ...]:
        """Write the tokenizer, and `normalizer.json` beside it."""
        written = super().save_pretrained(save_directory, *args, **options)
        if not self.english_spelling_normalizer:
            return written
        path = str(folder_to_fill(save_directory) / "normalizer.json")
        write_json(path, self.english_spelling_normalizer)
        return (*written, path)


WhisperTokenizerFast = WhisperTokenizer
