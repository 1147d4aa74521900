"""What a tokenizer returns: named columns of numbers, and for each row the way back to tokens, words and characters."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from tokenizers import Encoding

from ...core.errors import InputError
from ..batch import BatchFeature, TensorType


class CharSpan(NamedTuple):
    """Characters [start, end) of the original text."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Tokens [start, end) of a row."""

    start: int
    end: int


class BatchEncoding(BatchFeature):
    """A dictionary of the model's inputs, readable by key and by attribute.

    Columns are lists, or arrays of `tensor_type` ("pt" or "np"): `input_ids`, `attention_mask`, ... (B, T).
    An integer key gives the Rust `Encoding` of that row; the methods below translate between tokens, words and characters
    of a row and return None where there is no counterpart. Methods with `batch_or_..._index` take (row, index), or only
    the index for a single text.

    Attributes:
        dropped_tokens: for each text, how many tokens truncation cut off (0 where they follow as overflowing rows).
    """

    def __init__(
        self,
        data: dict[str, Any] | None = None,
        encoding: Encoding | Sequence[Encoding] | None = None,
        tensor_type: str | TensorType | None = None,
        prepend_batch_axis: bool = False,
        n_sequences: int | None = None,
        dropped_tokens: Sequence[int] = (),
    ) -> None:
        self._encodings = [encoding] if isinstance(encoding, Encoding) else None if encoding is None else list(encoding)
        self._n_sequences = n_sequences
        self.dropped_tokens = list(dropped_tokens)
        super().__init__(data)
        if tensor_type is not None:
            self.convert_to_tensors(tensor_type, prepend_batch_axis=prepend_batch_axis)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return super().__getitem__(key)
        if self._encodings is None:
            raise KeyError(f"rows can be taken by number only from what a tokenizer returned; columns here: {list(self)}")
        return self._encodings[key]

    def copy(self) -> Self:
        """A shallow copy."""
        return type(self)(dict(self), self._encodings, n_sequences=self._n_sequences, dropped_tokens=self.dropped_tokens)

    def convert_to_tensors(
        self,
        tensor_type: str | TensorType | None = None,
        skip_tensor_conversion: Any = None,
        prepend_batch_axis: bool = False,
    ) -> Self:
        """Turn every column into an array of `tensor_type`, in place; `prepend_batch_axis` makes one row a batch of one.

        Raises:
            InputError: the rows of a column differ in length, or hold no numbers.
        """
        if prepend_batch_axis:
            for name, column in self.items():
                self[name] = [column]
        for name, column in self.items() if tensor_type is not None else ():
            if isinstance(column, list) and all(isinstance(row, list) and not row for row in column):
                self[name] = np.asarray(column, dtype=np.int64)  # no tokens: ids all the same
        return super().convert_to_tensors(tensor_type, skip_tensor_conversion)

    @property
    def is_fast(self) -> bool:
        """Whether the rows know their way back to the text."""
        return self._encodings is not None

    @property
    def encodings(self) -> list[Encoding] | None:
        """The Rust encoding of each row; None when this was not made by encoding text."""
        return self._encodings

    @property
    def n_sequences(self) -> int | None:
        """How many texts a row holds: 1, or 2 for pairs."""
        if self._n_sequences is None and self._encodings:
            self._n_sequences = self._encodings[0].n_sequences
        return self._n_sequences

    def _row(self, index: int = 0) -> Encoding:
        if self._encodings is None:
            raise InputError("this batch was not made by encoding text, so nothing is known of tokens, words and characters")
        return self._encodings[index]

    def _at(self, first: int, second: int | None) -> tuple[Encoding, int]:
        """The row and the index in it, from (row, index) or (index,)."""
        return (self._row(0), first) if second is None else (self._row(first), second)

    def _at_token(self, first: int, second: int | None) -> tuple[Encoding, int]:
        row, index = self._at(first, second)
        return row, index + len(row) if index < 0 else index

    def tokens(self, batch_index: int = 0) -> list[str]:
        """The tokens of a row as strings."""
        return list(self._row(batch_index).tokens)

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """For each token the text it comes from: 0, 1, or None for special tokens."""
        return list(self._row(batch_index).sequence_ids)

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """For each token the number of its word in its text, None for special tokens."""
        return list(self._row(batch_index).word_ids)

    def token_to_sequence(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """The text a token comes from."""
        row, index = self._at_token(batch_or_token_index, token_index)
        return row.token_to_sequence(index)

    def token_to_word(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """The word a token belongs to."""
        row, index = self._at_token(batch_or_token_index, token_index)
        return row.token_to_word(index)

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """The tokens of a word."""
        row, index = self._at(batch_or_word_index, word_index)
        span = row.word_to_tokens(index, sequence_index)
        return None if span is None else TokenSpan(*span)

    def token_to_chars(self, batch_or_token_index: int, token_index: int | None = None) -> CharSpan | None:
        """The characters a token covers; None for a token that stands for no text."""
        row, index = self._at_token(batch_or_token_index, token_index)
        span = row.token_to_chars(index)
        return None if span is None else CharSpan(*span)

    def char_to_token(self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0) -> int | None:
        """The token that covers a character; None for white space that no token covers."""
        row, index = self._at(batch_or_char_index, char_index)
        return row.char_to_token(index, sequence_index)

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """The characters of a word."""
        row, index = self._at(batch_or_word_index, word_index)
        span = row.word_to_chars(index, sequence_index)
        return None if span is None else CharSpan(*span)

    def char_to_word(self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0) -> int | None:
        """The word that covers a character."""
        row, index = self._at(batch_or_char_index, char_index)
        return row.char_to_word(index, sequence_index)
