"""Ids to text, and single tokens to ids and back."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from tokenizers import AddedToken, Encoding

from ...core.errors import InputError
from ...core.logging import warn_once
from .padding import plain
from .special_tokens import SpecialTokens


class DecodingMixin(SpecialTokens):
    """Ids back to text, and single tokens to ids and back: all of a tokenizer that encodes no text."""

    clean_up_tokenization_spaces: bool

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool = False,
    ) -> Any:
        """The text of ids (a number, a list, an array, or a mapping with `input_ids`); a list of lists gives a list of texts.

        Ids beyond the vocabulary, which a model with a padded vocabulary may produce, stand for no text. Where they are further
        beyond than vocabularies are padded, a warning tells. Nothing is put around special tokens, as published; where
        `spaces_between_special_tokens` asks for it, a warning tells.

        Raises:
            InputError: an id is negative or no whole number.
        """
        if spaces_between_special_tokens:
            warn_once("spaces-between", "spaces_between_special_tokens=True has no effect: special tokens get no spaces")
        ids = token_ids.ids if isinstance(token_ids, Encoding) else plain(ids_of(token_ids))
        if isinstance(ids, list | tuple) and ids and isinstance(ids[0], list | tuple):
            return self.batch_decode(ids, skip_special_tokens, clean_up_tokenization_spaces)
        return self._decode(row_of(ids), skip_special_tokens, clean_up_tokenization_spaces)

    @abstractmethod
    def _decode(
        self, token_ids: list[int], skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool | None = None
    ) -> str:
        """The text of one row of ids."""

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **options: Any,
    ) -> list[str]:
        """The text of each row of ids; a flat list of ids is one row."""
        rows = row_of(plain(ids_of(sequences)))
        if rows and isinstance(rows[0], int):
            rows = [rows]
        return [self.decode(row, skip_special_tokens, clean_up_tokenization_spaces, **options) for row in rows]

    @staticmethod
    def clean_up_tokenization(text: str) -> str:
        """Remove the spaces that English word splitting left before punctuation and inside contractions."""
        for ending in (".", "?", "!", ","):
            text = text.replace(f" {ending}", ending)
        text = text.replace(" ' ", "'")
        for ending in ("n't", "'m", "'s", "'ve", "'re"):
            text = text.replace(f" {ending}", ending)
        return text

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """Size of the vocabulary without added tokens; `len(tokenizer)` counts them."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def get_vocab(self) -> dict[str, int]:
        """Token -> id, added tokens included."""

    @property
    @abstractmethod
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Id -> added token."""

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """Added token -> id, by id."""
        return {token.content: index for index, token in self.added_tokens_decoder.items()}

    def get_added_vocab(self) -> dict[str, int]:
        """Added token -> id, by id."""
        return self.added_tokens_encoder

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """The id of a token, or of each of a list; unknown ones give the id of `unk_token`, or None without one.

        Raises:
            InputError: a token is no text.
        """
        if isinstance(tokens, str):
            index = self._id_of(tokens)
            return self.unk_token_id if index is None else index
        return [self.convert_tokens_to_ids(token) for token in texts(tokens)]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The token of an id, or of each of a list; None beyond the vocabulary.

        Raises:
            InputError: an id is negative or no whole number.
        """
        ids = plain(ids)
        row = [int(index) if isinstance(index, float) and index.is_integer() else index for index in row_of(ids)]
        skipped = set(self.all_special_ids) if skip_special_tokens else ()
        if any(not isinstance(index, int) for index in row):
            raise no_ids(row)
        tokens = [(index, self._token_of(index)) for index in row]
        return tokens[0][1] if isinstance(ids, int) else [token for index, token in tokens if index not in skipped]

    @abstractmethod
    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens given as strings."""


def ids_of(value: Any) -> Any:
    return value["input_ids"] if isinstance(value, Mapping) and "input_ids" in value else value


def row_of(ids: Any) -> list[Any]:
    """One id or several as a list."""
    if isinstance(ids, int):
        return [ids]
    if not isinstance(ids, list | tuple | range | set):
        raise no_ids([ids])
    return list(ids)


def no_ids(row: list[Any]) -> InputError:
    bad = next((index for index in row if not isinstance(index, int) or not 0 <= index < 2**32), row)
    return InputError(f"cannot decode {bad!r:.60}: ids are whole numbers from 0; mask out labels of -100 first")


def texts(tokens: Any) -> list[str]:
    if not isinstance(tokens, list | tuple) or not all(isinstance(token, str) for token in tokens):
        raise InputError(f"tokens are texts in a list; found {type(tokens).__name__} {tokens!r:.60}")
    return list(tokens)
