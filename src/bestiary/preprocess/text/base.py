"""`PreTrainedTokenizerBase`: what all tokenizers are, whatever turns their text into tokens."""

import inspect
import math
import os
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, ClassVar, Self

from tokenizers import AddedToken

from ...core.errors import ArgumentError, BestiaryError, ConfigError, did_you_mean
from ...core.kinds import Count, check
from ...core.logging import warn_once
from ...core.signatures import is_of_the_library, showing, showing_options_of, undecorated
from ...hub.code.saving import registers_for, save_code
from ...hub.options import HubOptions
from ...hub.push import PushToHubMixin, uploader
from . import files
from .batch_encoding import BatchEncoding
from .chat.control_tokens import encode_marked
from .chat.template import ChatTemplates, read_templates
from .encoding import EncodingMixin
from .reading_call import TOO_LONG, UNLIMITED
from .special_tokens import EXTRA, NAMED, OLDER_EXTRA, ROLES


class PreTrainedTokenizerBase(EncodingMixin, ChatTemplates, PushToHubMixin):
    """The options, roles of tokens, chat templates and files of a tokenizer.

    Subclasses say what they are made from: `TokenizersBackend` of a Rust tokenizer, `PythonBackend` of methods in Python.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {}
    further_files_names: ClassVar[dict[str, str]] = {}
    model_input_names: Sequence[str] = ("input_ids", "attention_mask")
    padding_side: str = "right"
    truncation_side: str = "right"
    defaults: ClassVar[dict[str, Any]] = {}
    SPECIAL_TOKENS_ATTRIBUTES: ClassVar[tuple[str, ...]] = ROLES
    slow_tokenizer_class: ClassVar[Any] = None
    is_fast: bool
    backend: ClassVar[str]
    init_inputs: ClassVar[tuple[Any, ...]] = ()
    init_kwargs: dict[str, Any]
    _auto_class: ClassVar[str | None] = None  # what `register_for_auto_class` was told
    register_for_auto_class = registers_for("AutoTokenizer")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if is_of_the_library(cls.__init__):
            cls.__init__ = showing(undecorated(cls.__init__), cls._parameters())  # type: ignore[method-assign]

    @classmethod
    def _parameters(cls) -> Iterator[Parameter]:
        """What the constructor takes: a vocabulary, the options of this class, and further keywords."""
        yield from list(signature(undecorated(cls.__init__)).parameters.values())[1:-1]
        for name, default in cls.defaults.items():
            yield Parameter(name, Parameter.KEYWORD_ONLY, default=default)
        yield Parameter("options", Parameter.VAR_KEYWORD)

    @classmethod
    def _refuse_misspelt(cls, options: Mapping[str, Any]) -> None:
        """Raise `ArgumentError` for a keyword that looks like another; unknown ones are kept, since files hold many."""
        names = {*cls.defaults, *ROLES, EXTRA, OLDER_EXTRA, NAMED, *_KINDS, *_OTHERS, *_FILES}
        for name in options:
            near = "" if name in names else did_you_mean(name, sorted(names), cutoff=0.85)
            # Models have tokens with roles of their own (`image_token`), whose names may be near.
            if near and not name.endswith("_token"):
                raise ArgumentError(f"{cls.__name__} takes no option {name!r:.80}.{near}")

    def __getattr__(self, name: str) -> Any:
        """The options of the class, as they were at construction, besides the roles of tokens."""
        if name in type(self).defaults and name not in ROLES:
            return self.__dict__.get("init_kwargs", {}).get(name)
        return super().__getattr__(name)

    def _set_options(self, settings: dict[str, Any]) -> None:
        self.name_or_path = str(settings.pop("name_or_path", ""))
        for name, kind in _KINDS.items():
            if settings.get(name) is None:
                settings.pop(name, None)  # null says nothing
            elif not (kind is bool and settings[name] in (0, 1)):
                check(type(self).__name__, name, settings[name], kind)
        self.model_max_length = _read_length(settings.get("model_max_length", settings.get("max_len")))
        self.padding_side = settings.get("padding_side", type(self).padding_side)
        self.truncation_side = settings.get("truncation_side", type(self).truncation_side)
        for name in ("padding_side", "truncation_side"):
            if getattr(self, name) not in ("left", "right"):
                raise ArgumentError(f"{name} is {getattr(self, name)!r}; expected 'left' or 'right'")
        self.model_input_names = list(settings.get("model_input_names", type(self).model_input_names)) or ["input_ids"]
        self.clean_up_tokenization_spaces = bool(settings.get("clean_up_tokenization_spaces", False))
        self.split_special_tokens = bool(settings.get("split_special_tokens", False))
        self.pad_token_type_id = int(settings.get("pad_token_type_id", 0))
        self.on_too_long = settings.get("on_too_long", "warn")
        self.deprecation_warnings = {}
        if self.on_too_long not in TOO_LONG:
            raise ArgumentError(f"on_too_long is {self.on_too_long!r}; expected one of {', '.join(TOO_LONG)}")
        self.chat_template = settings.pop("chat_template", None)
        read_templates(self.chat_template)  # refuses what is none
        self.verbose = bool(settings.pop("verbose", False))

    @property
    def chat_control_tokens(self) -> Sequence[str] | None:
        """The added tokens, besides the special ones, that control a chat; None for those that the template writes."""
        return self.init_kwargs.get("chat_control_tokens")

    @chat_control_tokens.setter
    def chat_control_tokens(self, tokens: Sequence[str] | None) -> None:
        self.init_kwargs["chat_control_tokens"] = tokens

    def added_tokens(self) -> list[AddedToken]:
        """The tokens beside the vocabulary's own, by their ids."""
        return list(self.added_tokens_decoder.values())

    def encode_with_marks(
        self, prompts: Sequence[str], batched: bool, tokens: re.Pattern[str], options: Mapping[str, Any]
    ) -> BatchEncoding:
        """The encoding of prompts in which `control_tokens.mark` marked the control tokens `tokens`.

        Args:
            batched: whether a list was asked for. options: `truncation`, and what `pad` takes.
        """

        def encode(text: str) -> list[int]:
            ids: list[int] = self(text, add_special_tokens=False, verbose=False)["input_ids"]
            return ids

        options = dict(options)
        limit = options.pop("truncation") and (options["max_length"] or self.model_max_length)
        as_text = self._encode_without_added_tokens
        rows = [encode_marked(prompt, tokens, encode, as_text, self._id_of) for prompt in prompts]
        if limit and limit < UNLIMITED:
            rows = [row[:limit] if self.truncation_side == "right" else row[-limit:] for row in rows]
        return self.pad({"input_ids": rows if batched or options["return_tensors"] else rows[0]}, **options)

    def options(self) -> dict[str, Any]:
        """What this tokenizer would have to be constructed with, the vocabulary apart."""
        changeable = ("padding_side", "truncation_side", "clean_up_tokenization_spaces", "split_special_tokens", "on_too_long")
        options = {name: value for name, value in self.init_kwargs.items() if name not in (*ROLES, OLDER_EXTRA)}
        defaults = {"clean_up_tokenization_spaces": False, "split_special_tokens": False, "on_too_long": "warn"}
        for name in changeable:
            value = getattr(self, name)
            if name in options or value != defaults.get(name, getattr(type(self), name, None)):
                options[name] = value
        options["model_max_length"] = self.model_max_length
        roles = self.special_tokens_map
        options.update({role: token for role, token in roles.items() if role in ROLES})
        options[EXTRA] = self.extra_special_tokens
        options[NAMED] = {role: token for role, token in roles.items() if role not in ROLES}
        return options

    @classmethod
    @showing_options_of(HubOptions)
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], *init_inputs: Any, **options: Any) -> Self:
        """Open from a folder, a tokenizer.json, or a name on the hub; keywords override what the files say.

        Args:
            init_inputs: what the constructor takes by position.

        Raises:
            FileMissing, HubError, CorruptFile: the files cannot be had or read.
        """
        settings = cls._read_files(pretrained_model_name_or_path, options)
        if "stored" in settings and not is_of_the_library(cls.__init__):  # what a constructor of a user names comes by name
            own = inspect.signature(cls.__init__).parameters.keys() - {*ROLES, *_OTHERS, "stored"}
            settings = {**{name: value for name, value in settings["stored"].items() if name in own}, **settings}
        try:
            return cls(*init_inputs, **settings)
        except BestiaryError as error:
            error.add_note(f"while opening the tokenizer of {pretrained_model_name_or_path}")
            raise

    @classmethod
    def _read_files(cls, name_or_path: str | os.PathLike[str], options: Mapping[str, Any]) -> dict[str, Any]:
        """What the constructor takes, as the files say it and `options` overrule."""
        return files.read_settings(cls.vocab_files_names, name_or_path, options, cls.further_files_names)

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
        push_to_hub: bool = False,
        *,
        save_jinja_files: bool = True,
        **options: Any,
    ) -> tuple[str, ...]:
        """Write the vocabulary, tokenizer_config.json and chat templates, each whole or not at all; returns the paths.

        Args:
            push_to_hub: also upload the folder; further keywords are those of `hub.push.push_folder`.
        """
        if legacy_format is not None and legacy_format is self.is_fast:
            form = "tokenizer.json is" if self.is_fast else "the files of save_vocabulary are"
            warn_once("legacy-format", f"legacy_format={legacy_format} changes nothing: {form} written")
        if options.get("save_format") in (None, "hf"):
            options.pop("save_format", None)
        upload = uploader(push_to_hub, options, "save_pretrained")
        options = {**self.options(), "tokenizer_class": type(self).__name__}
        code = save_code(type(self), self._auto_class, save_directory, options)
        paths = files.write(
            self._write_vocabulary, options, self.chat_template, save_directory, filename_prefix, save_jinja_files
        )
        upload(save_directory)
        return (*map(str, code), *paths)

    @abstractmethod
    def _write_vocabulary(self, folder: Path, prefix: str | None) -> Sequence[str]:
        """Write the files of the vocabulary into `folder`, where there is one; returns their paths."""

    def __repr__(self) -> str:
        added = "".join(f"\n\t{index}: {token!r}," for index, token in self.added_tokens_decoder.items())
        return (
            f"{type(self).__name__}(name_or_path={self.name_or_path!r}, vocab_size={self.vocab_size}, "
            f"model_max_length={self.model_max_length}, padding_side={self.padding_side!r}, "
            f"truncation_side={self.truncation_side!r}, special_tokens={self.special_tokens_map}, "
            f"added_tokens_decoder={{{added and added + chr(10)}}})"
        )


# Options of a tokenizer_config.json whose kind matters before they are used.
_KINDS: dict[str, Any] = {
    "model_input_names": list[str],
    "pad_token_type_id": Count,
    "chat_control_tokens": list[str],
    **dict.fromkeys(("padding_side", "truncation_side", "on_too_long"), str),
    **dict.fromkeys(("clean_up_tokenization_spaces", "split_special_tokens", "add_bos_token", "add_eos_token"), bool),
}


# Options without a check of their kind here.
_OTHERS = ("model_max_length", "max_len", "chat_template", "add_prefix_space", "added_tokens", "name_or_path", "errors")
_FILES = ("tokenizer_object", "tokenizer_file", "vocab_file", "merges_file", "stored")


def _read_length(value: Any) -> int:
    """`model_max_length` as a number; files say no limit by a huge one, by infinity or by null."""
    if value is None or value == math.inf:
        return UNLIMITED
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ConfigError(f"model_max_length is {value!r:.60}; expected a number of tokens from 1, or null")
    if value < 1:
        warn_once("no-length", f"model_max_length is {value}, which no text has; it is taken for no limit")
    return int(value) if value >= 1 else UNLIMITED
