"""The tokenizer: one class over the Rust `tokenizers` package, whatever files the vocabulary came in.

A family's own class is a few lines of data: default options, names of files, and how old files are converted.
"""

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, ClassVar, Self

from tokenizers import AddedToken, Tokenizer

from ...core.errors import ArgumentError, BestiaryError, ConfigError, InputError, did_you_mean
from ...core.kinds import Count, check
from ...core.logging import warn_once
from ...core.signatures import is_of_the_library, showing, undecorated
from ...hub.code.saving import registers_for, save_code
from ...hub.push import PushToHubMixin, uploader
from . import converters, files, training
from .batch_encoding import BatchEncoding
from .chat.control_tokens import encode_marked
from .chat.template import ChatTemplates
from .encoding import TOO_LONG, UNLIMITED, EncodingMixin
from .rust import RustTokenizer, adds, check_growth, set_ends, set_prefix_space
from .special_tokens import EXTRA, NAMED, OLDER_EXTRA, ROLES, read_token


class PreTrainedTokenizerFast(EncodingMixin, ChatTemplates, PushToHubMixin):
    """Text to ids and back.

    Args:
        vocab, merges: a vocabulary (path or content) for a family that reads one; also `vocab_file=`, `merges_file=`.
        tokenizer_object: a `tokenizers.Tokenizer`, which is copied; tokenizer_file: its JSON file.
        stored: options as a tokenizer_config.json holds them; those that shape a tokenizer do not change one that came whole.
        options: roles of tokens (`pad_token=...`), `extra_special_tokens`, `model_max_length`, `padding_side`,
            `truncation_side`, `model_input_names`, `clean_up_tokenization_spaces`, `split_special_tokens`, `chat_template`,
            `add_bos_token`, `add_eos_token`, `on_too_long`, and the options of the family. Others are kept and saved again.

    Example:
        >>> tokenizer = PreTrainedTokenizerFast.from_pretrained("folder")
        >>> batch = tokenizer(["a text", "another"], padding=True, return_tensors="pt")

    Raises:
        InputError: there is nothing to build from.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "tokenizer_file": "tokenizer.json",
        "vocab_file": ("tokenizer.model", "tiktoken.model"),
    }
    further_files_names: ClassVar[dict[str, str]] = {}
    model_input_names: Sequence[str] = ("input_ids", "attention_mask")
    padding_side: str = "right"
    truncation_side: str = "right"
    defaults: ClassVar[dict[str, Any]] = {}
    is_fast = True
    backend: ClassVar[str] = "tokenizers"
    init_inputs: ClassVar[tuple[Any, ...]] = ()
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

    def __init__(
        self,
        vocab: Any = None,
        merges: Any = None,
        *,
        tokenizer_object: Tokenizer | None = None,
        tokenizer_file: str | os.PathLike[str] | None = None,
        stored: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        vocab, merges = options.pop("vocab_file", vocab), options.pop("merges_file", merges)
        _refuse_misspelt(type(self), options)
        if OLDER_EXTRA in options:
            options.setdefault(EXTRA, options.pop(OLDER_EXTRA))
        explicit = {**(stored or {}), **options}
        settings = {**self.defaults, **explicit}
        for role in ROLES:
            settings[role] = read_token(settings.get(role))
        whole = tokenizer_object is not None or tokenizer_file is not None
        if tokenizer_object is not None:
            rust = Tokenizer.from_str(tokenizer_object.to_str())
        elif tokenizer_file is not None:
            rust = files.read_rust(tokenizer_file)
        else:
            rust = self.convert(vocab, merges, settings)
        if whole:
            self.adjust(rust, options)
            # The family's usual tokens are not added to a vocabulary that was made without them.
            absent = [role for role in ROLES if role not in explicit and rust.token_to_id(str(settings[role])) is None]
            settings.update(dict.fromkeys(absent))
        check_growth(rust)
        self.rust = RustTokenizer(rust)
        if whole:
            self._ordinary = frozenset(each.content for each in rust.get_added_tokens_decoder().values() if not each.special)
        self.init_kwargs = settings
        self._set_options(settings)
        self._restore_added(settings.pop("added_tokens", {}))
        self._set_specials(settings)
        # A file that holds the whole tokenizer says itself what it adds; only the caller overrules it.
        self._set_framing(options if whole else settings)

    @property
    def add_prefix_space(self) -> bool:
        """Whether the first word of a text is treated like every other, as the options say."""
        return bool(self.init_kwargs.get("add_prefix_space"))

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Build the Rust tokenizer from vocabulary files; a family that has such files overrides it and may fill `settings`."""
        cls.need(vocab)
        return converters.guess(vocab, merges, settings)

    @classmethod
    def need(cls, vocab: Any) -> None:
        """Raise `InputError` when there is nothing to build a tokenizer from."""
        if vocab is None:
            raise InputError(
                f"{cls.__name__} needs tokenizer_object=, tokenizer_file= or a vocabulary: {cls.vocab_files_names}"
            )

    @classmethod
    def adjust(cls, rust: Tokenizer, options: Mapping[str, Any]) -> None:
        """Apply the options that were given to a tokenizer that came whole; a family with options of its own extends it."""
        if options.get("add_prefix_space") is not None:
            set_prefix_space(rust, bool(options["add_prefix_space"]))

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
        if self.on_too_long not in TOO_LONG:
            raise ArgumentError(f"on_too_long is {self.on_too_long!r}; expected one of {', '.join(TOO_LONG)}")
        self.chat_template = settings.pop("chat_template", None)

    def _set_framing(self, settings: Mapping[str, Any]) -> None:
        """Make the post-processor add the beginning and end tokens, where the options say whether to."""
        self._framing = {name: settings[name] for name in ("add_bos_token", "add_eos_token") if settings.get(name) is not None}
        if self._framing:
            self.update_post_processor()

    def update_post_processor(self) -> None:
        """Rebuild what adds the beginning and end tokens, after `bos_token`, `eos_token` or a switch of them changed."""
        ends = {}
        for switch, role in (("add_bos_token", "bos_token"), ("add_eos_token", "eos_token")):
            token, index = getattr(self, role), getattr(self, f"{role}_id")
            if getattr(self, switch) and index is None:
                warn_once("no-end", f"{switch}=True adds nothing: {role} is {token!r}, which is not in the vocabulary")
            ends[role] = (token, index) if getattr(self, switch) and index is not None else None
        set_ends(self.rust.main, ends["bos_token"], ends["eos_token"])
        self.rust.forget_twins()

    @property
    def add_bos_token(self) -> bool:
        """Whether encoding puts the beginning token first."""
        return bool(self._framing.get("add_bos_token", adds(self.rust.main, self.bos_token_id, first=True)))

    @add_bos_token.setter
    def add_bos_token(self, value: bool) -> None:
        self._framing = {"add_eos_token": self.add_eos_token, "add_bos_token": value}
        self.init_kwargs.update(self._framing)
        self.update_post_processor()

    @property
    def add_eos_token(self) -> bool:
        """Whether encoding puts the end token last."""
        return bool(self._framing.get("add_eos_token", adds(self.rust.main, self.eos_token_id, first=False)))

    @add_eos_token.setter
    def add_eos_token(self, value: bool) -> None:
        self._framing = {"add_bos_token": self.add_bos_token, "add_eos_token": value}
        self.init_kwargs.update(self._framing)
        self.update_post_processor()

    @property
    def chat_control_tokens(self) -> Sequence[str] | None:
        """The added tokens, besides the special ones, that control a chat; None for those that the template writes."""
        return self.init_kwargs.get("chat_control_tokens")

    @chat_control_tokens.setter
    def chat_control_tokens(self, tokens: Sequence[str] | None) -> None:
        self.init_kwargs["chat_control_tokens"] = tokens

    def added_tokens(self) -> list[AddedToken]:
        """The tokens beside the vocabulary's own, by their ids."""
        return list(self.rust.main.get_added_tokens_decoder().values())

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
        rows = [encode_marked(prompt, tokens, encode, self.rust.main) for prompt in prompts]
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

    @property
    def backend_tokenizer(self) -> Tokenizer:
        """The Rust tokenizer. It may be changed here; take it anew for each change, so that calls see it."""
        self.rust.forget_twins()
        return self.rust.main

    _tokenizer = backend_tokenizer

    def file_form(self) -> Tokenizer:
        """The Rust tokenizer as files hold it; a family with a part that no file can hold overrides this."""
        return self.rust.main

    def train_new_from_iterator(
        self,
        text_iterator: Iterable[Any],
        vocab_size: int,
        length: int | None = None,
        new_special_tokens: Sequence[Any] | None = None,
        special_tokens_map: Mapping[str, str] | None = None,
        **trainer_options: Any,
    ) -> Self:
        """A tokenizer of the same kind, trained on texts (or batches of texts); see `training.train`.

        It keeps every option of this one and its chat template, in which renamed special tokens are not renamed.
        """
        renamed, new = special_tokens_map or {}, new_special_tokens or ()
        rust = training.train(self.file_form(), text_iterator, vocab_size, length, new, renamed, trainer_options)
        options = training.renamed_options(self.options(), renamed, new)
        name, template = self.name_or_path, self.chat_template
        return type(self)(tokenizer_object=rust, name_or_path=name, chat_template=template, **options)

    # Files

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **options: Any) -> Self:
        """Open from a folder, a tokenizer.json, or a name on the hub; keywords override what the files say.

        Raises:
            FileMissing, HubError, CorruptFile: the files cannot be had or read.
        """
        settings = files.read_settings(cls.vocab_files_names, pretrained_model_name_or_path, options, cls.further_files_names)
        try:
            return cls(**settings)
        except BestiaryError as error:
            error.add_note(f"while opening the tokenizer of {pretrained_model_name_or_path}")
            raise

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        filename_prefix: str | None = None,
        save_jinja_files: bool = True,
        push_to_hub: bool = False,
        **options: Any,
    ) -> tuple[str, ...]:
        """Write tokenizer.json, tokenizer_config.json and chat templates, each whole or not at all; returns the paths.

        Args:
            push_to_hub: also upload the folder; further keywords are those of `hub.push.push_folder`.
        """
        if options.pop("legacy_format", None):
            warn_once("legacy-format", "legacy_format=True changes nothing: tokenizer.json is written")
        if options.get("save_format") in (None, "hf"):
            options.pop("save_format", None)
        upload = uploader(push_to_hub, options, "save_pretrained")
        options = {**self.options(), "tokenizer_class": type(self).__name__}
        code = save_code(type(self), self._auto_class, save_directory, options)
        paths = files.write(self.file_form(), options, self.chat_template, save_directory, filename_prefix, save_jinja_files)
        upload(save_directory)
        return (*map(str, code), *paths)

    def save_vocabulary(self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary in the form of its model: vocab.txt, vocab.json and merges.txt, or unigram.json."""
        return files.write_vocabulary(self.rust.main, save_directory, filename_prefix)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name_or_path={self.name_or_path!r}, vocab_size={self.vocab_size}, "
            f"model_max_length={self.model_max_length}, padding_side={self.padding_side!r}, "
            f"truncation_side={self.truncation_side!r}, special_tokens={self.special_tokens_map}, "
            f"added_tokens={len(self.added_tokens_decoder)})"
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


def _refuse_misspelt(kind: type[PreTrainedTokenizerFast], options: Mapping[str, Any]) -> None:
    """Raise `ArgumentError` for a keyword that looks like another; unknown ones are kept, since files hold many."""
    names = {*kind.defaults, *ROLES, EXTRA, OLDER_EXTRA, NAMED, *_KINDS, *_OTHERS, *_FILES}
    for name in options:
        near = "" if name in names else did_you_mean(name, sorted(names), cutoff=0.85)
        # Models have tokens with roles of their own (`image_token`), whose names may be near.
        if near and not name.endswith("_token"):
            raise ArgumentError(f"{kind.__name__} takes no option {name!r:.80}.{near}")


def _read_length(value: Any) -> int:
    """`model_max_length` as a number; files say no limit by a huge one, by infinity or by null."""
    if value is None or value == math.inf:
        return UNLIMITED
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ConfigError(f"model_max_length is {value!r:.60}; expected a number of tokens from 1, or null")
    if value < 1:
        warn_once("no-length", f"model_max_length is {value}, which no text has; it is taken for no limit")
    return int(value) if value >= 1 else UNLIMITED


PreTrainedTokenizer = PreTrainedTokenizerBase = TokenizersBackend = PreTrainedTokenizerFast
