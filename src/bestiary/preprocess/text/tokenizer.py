"""The tokenizer: one class over the Rust `tokenizers` package, whatever files the vocabulary came in.

A family's own class is a few lines of data: default options, names of files, and how old files are converted.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from tokenizers import Tokenizer

from ...core.errors import InputError
from ...core.logging import warn_once
from . import converters, files, training
from .base import PreTrainedTokenizerBase
from .rust import RustTokenizer, adds, check_growth, set_ends, set_prefix_space
from .rust_encoding import RustEncoding
from .special_tokens import EXTRA, OLDER_EXTRA, ROLES, read_token


class TokenizersBackend(RustEncoding, PreTrainedTokenizerBase):
    """Text to ids and back.

    Args:
        vocab, merges: a vocabulary (path or content) for a family that reads one; also `vocab_file=`, `merges_file=`.
        tokenizer_object: a `tokenizers.Tokenizer`, which is copied; tokenizer_file: its JSON file.
        stored: options as a tokenizer_config.json holds them; those that shape a tokenizer do not change one that came whole.
        options: roles of tokens (`pad_token=...`), `extra_special_tokens`, `model_max_length`, `padding_side`,
            `truncation_side`, `model_input_names`, `clean_up_tokenization_spaces`, `split_special_tokens`, `chat_template`,
            `add_bos_token`, `add_eos_token`, `on_too_long`, `verbose` (tell when a role without a token is read),
            and the options of the family. Others are kept and saved again.

    Example:
        >>> tokenizer = TokenizersBackend.from_pretrained("folder")
        >>> batch = tokenizer(["a text", "another"], padding=True, return_tensors="pt")

    Raises:
        InputError: there is nothing to build from.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "tokenizer_file": "tokenizer.json",
        "vocab_file": ("tokenizer.model", "tiktoken.model"),
    }
    # Roles (or tokens) that are the vocabulary where no files are given, in the order of their ids; None: files are needed.
    without_files: ClassVar[tuple[str, ...] | None] = None
    is_fast = True
    backend = "tokenizers"

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
        self._refuse_misspelt(options)
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
            if vocab is None and self.without_files is not None:
                vocab = {str(settings.get(name, name)): index for index, name in enumerate(self.without_files)}
                merges = merges or []
            rust = self.convert(vocab, merges, settings)
        if whole:
            self.adjust(rust, self._shaping(options, opened=stored is not None))
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
    def _shaping(cls, options: Mapping[str, Any], opened: bool) -> dict[str, Any]:
        """The options that change a tokenizer that came whole: all if it was `opened`; else the file rules the first word."""
        space = options.get("add_prefix_space")
        if space and not opened:
            warn_once(
                "prefix-space",
                f"add_prefix_space={space} changes nothing: {cls.__name__}(tokenizer_file=...) splits texts as its file says."
                " Use from_pretrained, or pass the option to a call",
            )
        return {name: value for name, value in options.items() if opened or name != "add_prefix_space"}

    @classmethod
    def adjust(cls, rust: Tokenizer, options: Mapping[str, Any]) -> None:
        """Apply the options that were given to a tokenizer that came whole; a family with options of its own extends it."""
        space = options.get("add_prefix_space")
        if space is not None and cls is TokenizersBackend:  # of no family: it splits as its file says, as published
            warn_once(
                "prefix-space",
                f"add_prefix_space={space} changes nothing: {cls.__name__} splits texts as its file says. Pass the option to a"
                " call, or open the file with the class of its family",
            )
        elif space is not None:
            set_prefix_space(rust, bool(space))

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
    def backend_tokenizer(self) -> Tokenizer:
        """The Rust tokenizer. It may be changed here; take it anew for each change, so that calls see it."""
        self.rust.forget_twins()
        return self.rust.main

    _tokenizer = backend_tokenizer

    @property
    def decoder(self) -> Any:
        """What makes text of tokens, a part of the Rust tokenizer."""
        return self.rust.main.decoder

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
        return type(self)(tokenizer_object=rust, stored={}, name_or_path=name, chat_template=template, **options)

    # Files

    def _write_vocabulary(self, folder: Path, prefix: str | None) -> list[str]:
        return [files.write_rust(self.file_form(), folder, prefix)]

    def save_vocabulary(self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary in the form of its model: vocab.txt, vocab.json and merges.txt, or unigram.json."""
        return files.write_vocabulary(self.rust.main, save_directory, filename_prefix)


PreTrainedTokenizerFast = TokenizersBackend  # its older name
