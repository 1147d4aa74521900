"""`PythonBackend`: a tokenizer made of methods written in Python, for what the Rust package has no parts for."""

import os
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import AddedToken

from ...core.errors import ArgumentError, ConfigError, FileMissing, InputError
from ...core.files import write_json
from ...core.logging import warn_once
from ...core.signatures import is_of_the_library
from . import files
from .base import PreTrainedTokenizerBase
from .batch_encoding import BatchEncoding
from .chat.template import RenderedPrompt
from .encode import EncodeOptions, Text, halves, read_samples
from .special_tokens import NAMED, Token, as_special
from .truncation import Truncation, TruncationStrategy, cut_ids

# Special tokens by `special_tokens_pattern`: before and behind the first text, before and behind the second.
_PATTERNS: dict[str, tuple[str, str, str, str]] = {
    "cls_sep": ("cls_token_id", "sep_token_id", "", "sep_token_id"),
    "cls_double_sep": ("cls_token_id", "sep_token_id", "sep_token_id", "sep_token_id"),
    "bos": ("bos_token_id", "", "bos_token_id", ""),
    "eos": ("", "eos_token_id", "", "eos_token_id"),
    "bos_eos": ("bos_token_id", "eos_token_id", "", "eos_token_id"),
}
_TYPES = "bert_style"


class PythonBackend(PreTrainedTokenizerBase):
    """Text to ids by what a subclass defines; all else (added tokens, truncation, padding, chats, files) is here.

    A subclass defines `_tokenize(text)` (the tokens of a text without added tokens), `_convert_token_to_id(token)`,
    `_convert_id_to_token(index)`, `get_vocab()` and `vocab_size`, and has its vocabulary before it calls this constructor. It
    may define `convert_tokens_to_string`, `prepare_for_tokenization`, `save_vocabulary`, and how texts are framed:
    `build_inputs_with_special_tokens`, `get_special_tokens_mask`, `create_token_type_ids_from_sequences`.

    Args:
        special_tokens_pattern: what stands around texts, unless a method says it: "cls_sep", "cls_double_sep", "bos", "eos",
            "bos_eos", "prefix_suffix" (the ids in `prefix_tokens` and `suffix_tokens`), or None.
        token_type_ids_pattern: "bert_style" (the second text has type 1) or "all_zeros".
        token_type_ids_include_special_tokens: whether special tokens have a type, too.
        added_tokens_decoder: id -> added token, as files hold them.
        options: those of every tokenizer, see `PreTrainedTokenizerFast`. Others are kept and saved again.

    Rows know no way back to the text: there are no offsets, and cut tokens stand in `overflowing_tokens`.
    """

    is_fast = False
    backend = "custom"
    vocab: Any = None  # a subclass may hold its vocabulary here
    prefix_tokens: Sequence[int] = ()
    suffix_tokens: Sequence[int] = ()
    _passes_options_on: ClassVar[bool] = True

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._refuse_misspelt(options)
        self._added_tokens_decoder: dict[int, AddedToken] = {
            **self.__dict__.get("_added_tokens_decoder", {}),
            **files.read_added(options.pop("added_tokens_decoder", None) or {}, InputError),
        }
        self._added_tokens_encoder = {token.content: index for index, token in self._added_tokens_decoder.items()}
        self._splitting = self._pattern()
        self._length: int | None = None
        if named := options.pop("model_specific_special_tokens", None):
            options[NAMED] = named
        self.special_tokens_pattern = options.pop("special_tokens_pattern", None)
        self.token_type_ids_pattern = options.pop("token_type_ids_pattern", _TYPES)
        self.token_type_ids_include_special_tokens = options.pop("token_type_ids_include_special_tokens", True)
        self.init_kwargs = options
        self._set_options(options)
        self._set_specials(options)

    # What a subclass defines

    @abstractmethod
    def _tokenize(self, text: str) -> list[str]:
        """The tokens of a text that holds no added tokens."""

    @abstractmethod
    def _convert_token_to_id(self, token: str) -> int:
        """The id of a token of the vocabulary, or that of the unknown token."""

    @abstractmethod
    def _convert_id_to_token(self, index: int) -> str:
        """The token of an id of the vocabulary."""

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens: with a space between two, unless a subclass joins them otherwise."""
        return " ".join(tokens)

    def prepare_for_tokenization(
        self, text: str, is_split_into_words: bool = False, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        """A change of every text before it is split at added tokens; returns it, and the options of the call left over."""
        return text, options

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write what the constructor reads the vocabulary from; returns the paths. None, unless a subclass has some."""
        return ()

    # The vocabulary

    def _id_of(self, token: str) -> int | None:
        index = self._added_tokens_encoder.get(token)
        return self._convert_token_to_id(token) if index is None else index

    def _token_of(self, index: int) -> str | None:
        added = self._added_tokens_decoder.get(index)
        return self._convert_id_to_token(index) if added is None else added.content

    def _add_tokens(self, new_tokens: Sequence[Token], special_tokens: bool = False) -> int:
        """Extend the vocabulary; a token that is in it already becomes an added one under its id."""
        ids, before = self._ids_of_tokens(), len(self)
        new = 0
        for token in new_tokens:
            if isinstance(token, str):
                if token in self._added_tokens_encoder:
                    continue
                special = special_tokens or token in self.all_special_tokens
                token = AddedToken(token, special=special, normalized=not special)
            elif special_tokens:
                token = as_special(token)
            if not token.content:
                continue
            if not token.special and token.normalized and self.__dict__.get("do_lower_case"):
                token.content = token.content.lower()
            new += token.content not in ids
            index = ids.setdefault(token.content, before + new - 1)
            if token.special and token.content not in self.all_special_tokens:
                self._extra.append(token.content)
            self._added_tokens_decoder[index] = token
            self._added_tokens_encoder[token.content] = index
        self._splitting, self._length = self._pattern(), None
        return new

    def _ids_of_tokens(self) -> dict[str, int]:
        """The ids under which tokens of the vocabulary become added ones."""
        return {**self.get_vocab(), **self._added_tokens_encoder}

    def _pattern(self) -> re.Pattern[str]:
        """What matches an added token, the longest first."""
        tokens = sorted(filter(None, self._added_tokens_encoder), key=len, reverse=True)
        return re.compile(f"({'|'.join(map(re.escape, tokens)) or '(?!)'})")

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Id -> added token, by id."""
        return dict(sorted(self._added_tokens_decoder.items()))

    def __len__(self) -> int:
        if self._length is None:
            self._length = len({**self.get_vocab(), **self._added_tokens_encoder})
        return self._length

    # Text to ids

    def tokenize(self, text: str, pair: str | None = None, add_special_tokens: bool = False, **options: Any) -> list[str]:
        """The tokens of a text (and of a second one behind it) as strings.

        Raises:
            InputError: no text. ArgumentError: an option that `prepare_for_tokenization` does not take.
        """
        if add_special_tokens:
            return [self._token_of(index) or "" for index in self.encode(text, pair, **options)]
        if not isinstance(text, str):
            raise InputError(f"a text is split into tokens; found {type(text).__name__} {text!r:.60}")
        second = [] if pair is None else self.tokenize(pair, **options)
        split_special_tokens = options.pop("split_special_tokens", self.split_special_tokens)
        text, left = self.prepare_for_tokenization(text, **options)
        if left:
            raise ArgumentError(f"{type(self).__name__} does nothing with the option {next(iter(left))!r:.80}; leave it out")
        pieces = [text] if split_special_tokens else self._split(text)
        added = {} if split_special_tokens else self._added_tokens_encoder
        return [token for piece in pieces for token in ([piece] if piece in added else self._tokenize(piece))] + second

    def _split(self, text: str) -> list[str]:
        """The pieces of a text, each an added token or text between two; a token takes along the spaces that it says to."""
        pieces = [piece for piece in self._splitting.split(text) if piece]
        for place, piece in enumerate(pieces):
            if piece not in self._added_tokens_encoder:
                continue
            token = self._added_tokens_decoder[self._added_tokens_encoder[piece]]
            left = pieces[place - 1] if place else ""
            right = pieces[place + 1] if place + 1 < len(pieces) else ""
            if right and token.rstrip:
                pieces[place + 1] = right.lstrip()
            if left and token.lstrip:
                pieces[place - 1] = left.rstrip()
            if not token.single_word:
                continue
            if left and left[-1] != " ":
                pieces[place - 1 : place + 1] = [pieces[place - 1] + piece, ""]
            elif right and right[0] != " ":
                pieces[place : place + 2] = ["", piece + pieces[place + 1]]
        return [piece for piece in pieces if piece]

    def _encode_without_added_tokens(self, text: str) -> list[int]:
        return [self._convert_token_to_id(token) for token in self._tokenize(text)]

    def _ids(self, text: Text, options: EncodeOptions) -> list[int]:
        """The ids of a text, or of the words of one, without special tokens; ids stay what they are."""
        further = {"split_special_tokens": options.split_special_tokens, **options.further}
        if options.prefix_space is not None:
            further["add_prefix_space"] = options.prefix_space
        ids: list[int] = []
        for word in [text] if isinstance(text, str) else text:
            ids += [word] if isinstance(word, int) else self.convert_tokens_to_ids(self.tokenize(word, **further))
        return ids

    def _encode(self, text: Any, pair: Any, options: EncodeOptions) -> BatchEncoding:
        if "offset_mapping" in options.columns:
            warn_once(
                "no-offsets", f"{type(self).__name__} is written in Python and knows no offsets: offset_mapping is left out"
            )
        if options.policy == "window":
            raise ArgumentError("on_too_long='window' needs a tokenizer of the Rust package; use 'cut', 'error' or 'warn'")
        samples, batched = read_samples(text, pair, options.words, ids=True)
        rows = []
        for sample in samples:
            parts = [self._ids(part, options) for part in halves(sample)]
            rows.append(self._row(parts[0], parts[1] if len(parts) > 1 else None, options, isinstance(sample, RenderedPrompt)))
        dropped = [row["num_truncated_tokens"] for row in rows]
        self._tell_lengths([row[self.model_input_names[0]] for row in rows], dropped, options)
        told = options.overflow and not options.tensors and any(dropped)
        names = list(rows[0]) if rows else [self.model_input_names[0], *options.columns]
        names = [name for name in names if told or name not in ("overflowing_tokens", "num_truncated_tokens")]
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in names}
        if rows:
            columns = self._pad_columns(columns, options.padding)
        if not batched and options.tensors is None:
            columns = {name: column[0] for name, column in columns.items()}
        return BatchEncoding(columns, tensor_type=options.tensors, dropped_tokens=dropped)

    def _row(self, first: list[int], second: list[int] | None, options: EncodeOptions, is_framed: bool) -> dict[str, Any]:
        """The columns of one row, cut as asked; a chat `is_framed` already."""
        adds = options.add_special_tokens and not is_framed
        special = self.num_special_tokens_to_add(pair=second is not None) if adds else 0
        total = len(first) + len(second or ()) + special
        cut = options.truncation
        excess = 0 if cut is None else max(0, total - cut.max_length)
        if options.overflow and cut is not None and cut.strategy == "longest_first" and second is not None:
            raise InputError(
                "what is cut of both texts of a pair is not told: pass truncation='only_first' or 'only_second', or leave"
                " return_overflowing_tokens out"
            )
        overflowing: list[int] = []
        if cut is not None and excess:
            if is_of_the_library(type(self).truncate_sequences):
                first, second, overflowing = cut_ids(first, second, excess, cut)
            else:
                strategy = TruncationStrategy(cut.strategy)
                first, second, overflowing = self.truncate_sequences(first, second, excess, strategy, cut.stride)
        ids = self.build_inputs_with_special_tokens(first, second) if adds else [*first, *(second or ())]
        row: dict[str, Any] = {self.model_input_names[0]: ids}
        if "token_type_ids" in options.columns:
            row["token_type_ids"] = self.create_token_type_ids_from_sequences(first, second) if adds else [0] * len(ids)
        if "special_tokens_mask" in options.columns:
            row["special_tokens_mask"] = self.get_special_tokens_mask(first, second) if adds else [0] * len(ids)
        row |= {"overflowing_tokens": overflowing, "num_truncated_tokens": excess}
        if "attention_mask" in options.columns:
            row["attention_mask"] = [1] * len(ids)
        if options.length:
            row["length"] = len(ids)
        return row

    def prepare_for_model(
        self,
        ids: list[int],
        pair_ids: list[int] | None = None,
        add_special_tokens: bool = True,
        return_tensors: str | None = None,
        prepend_batch_axis: bool = False,
        **options: Any,
    ) -> BatchEncoding:
        """A row of ids (and those of a second text), cut, framed and padded by the options of a call."""
        encoded = self(ids, pair_ids, add_special_tokens=add_special_tokens, **options)
        return encoded.convert_to_tensors(return_tensors, prepend_batch_axis=prepend_batch_axis)

    def truncate_sequences(
        self,
        ids: list[int],
        pair_ids: list[int] | None = None,
        num_tokens_to_remove: int = 0,
        truncation_strategy: str = "longest_first",
        stride: int = 0,
    ) -> tuple[list[int], list[int] | None, list[int]]:
        """One or two texts without `num_tokens_to_remove` of their ids, and what one lost, with `stride` ids before that."""
        if num_tokens_to_remove <= 0:
            return ids, pair_ids, []
        cut = Truncation(1, str(getattr(truncation_strategy, "value", truncation_strategy)), stride, self.truncation_side)
        return cut_ids(ids, pair_ids, num_tokens_to_remove, cut)

    # Special tokens around texts

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many special tokens encoding adds to a text, or to a pair."""
        return len(self.build_inputs_with_special_tokens([], [] if pair else None))

    def build_inputs_with_special_tokens(self, token_ids_0: list[int], token_ids_1: list[int] | None = None) -> list[int]:
        """The ids of one or two texts with special tokens around them, as `special_tokens_pattern` says.

        Raises:
            ConfigError: the pattern names a role that no token has.
        """
        if self.special_tokens_pattern == "prefix_suffix":
            return [*self.prefix_tokens, *token_ids_0, *(token_ids_1 or ()), *self.suffix_tokens]
        ends: list[list[int]] = []
        for role in _PATTERNS.get(self.special_tokens_pattern, ("", "", "", "")):
            index: Any = getattr(self, role) if role else None
            if role and index is None:
                raise ConfigError(f"special_tokens_pattern {self.special_tokens_pattern!r} needs {role[:-3]}, which is not set")
            ends.append([index] if role else [])
        second = [] if token_ids_1 is None else [*ends[2], *token_ids_1, *ends[3]]
        return [*ends[0], *token_ids_0, *ends[1], *second]

    def _framed(self, first: list[int], second: list[int] | None) -> tuple[list[int], list[int]]:
        places = self.build_inputs_with_special_tokens([-1] * len(first), None if second is None else [-1] * len(second))
        return self.build_inputs_with_special_tokens(first, second), [int(place != -1) for place in places]

    def create_token_type_ids_from_sequences(self, token_ids_0: list[int], token_ids_1: list[int] | None = None) -> list[int]:
        """The types of one or two texts with special tokens, as the options say."""
        framed = self.special_tokens_pattern == "prefix_suffix"  # all of that has type 0
        if self.token_type_ids_include_special_tokens or framed:
            total = len(self.build_inputs_with_special_tokens(token_ids_0, token_ids_1))
            first = len(self.build_inputs_with_special_tokens(token_ids_0))
        else:
            first, total = len(token_ids_0), len(token_ids_0) + len(token_ids_1 or ())
        same = framed or token_ids_1 is None or self.token_type_ids_pattern != _TYPES
        return [0] * first + [0 if same else 1] * (total - first)

    # Ids to text

    def _decode(
        self, token_ids: list[int], skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool | None = None
    ) -> str:
        text = self.convert_tokens_to_string(self.convert_ids_to_tokens(token_ids, skip_special_tokens=skip_special_tokens))
        clean = self.clean_up_tokenization_spaces if clean_up_tokenization_spaces is None else clean_up_tokenization_spaces
        return self.clean_up_tokenization(text) if clean else text

    # Files

    @classmethod
    def _read_files(cls, name_or_path: str | os.PathLike[str], options: Mapping[str, Any]) -> dict[str, Any]:
        settings = files.read_settings(cls.vocab_files_names, name_or_path, options, {}, whole=False)
        stored = settings.pop("stored", None)
        paths = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
        needed = [name for name, each in signature(cls.__init__).parameters.items() if each.default is Parameter.empty]
        for name in needed:
            if name in cls.vocab_files_names and name not in paths:
                raise FileMissing(f"{name_or_path} has no {cls.vocab_files_names[name]}, which {cls.__name__} needs ({name})")
        return {**(files.as_keywords(stored) if stored else {}), **paths}

    def options(self) -> dict[str, Any]:
        """What this tokenizer would have to be constructed with, the vocabulary apart."""
        said = {name: self.__dict__.get(name, value) for name, value in super().options().items()}
        tokens = {index: token.__getstate__() for index, token in self.added_tokens_decoder.items()}
        return {name: value for name, value in said.items() if name not in self.vocab_files_names} | {
            "added_tokens_decoder": tokens
        }

    def _write_vocabulary(self, folder: Path, prefix: str | None) -> Sequence[str]:
        """The files of `save_vocabulary`, and added_tokens.json where tokens stand behind the vocabulary."""
        paths = tuple(self.save_vocabulary(str(folder), filename_prefix=prefix))
        behind = {token: index for token, index in self.added_tokens_encoder.items() if index >= self.vocab_size}
        if not behind:
            return paths
        path = folder / f"{prefix}-added_tokens.json" if prefix else folder / "added_tokens.json"
        write_json(path, dict(sorted(behind.items())))
        return (*paths, str(path))


PreTrainedTokenizer = PythonBackend
