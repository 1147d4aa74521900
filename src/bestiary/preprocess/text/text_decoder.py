"""Text from tokens that come one by one."""

import re
from typing import Any

from ...core.errors import InputError

_HALF = "\ufffd"  # what a decoder writes for bytes that are no whole character
# An ideograph is a word: the blocks of them that Unicode had when BERT's texts were cut.
_ENDS_IN_IDEOGRAPH = re.compile(
    "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f]$"
)
_BYTE_TOKEN = re.compile(r"<0x[0-9A-Fa-f]{2}>")


def is_byte_token(token: object) -> bool:
    """Whether `token` stands for one byte (`<0x41>`), as in vocabularies that spell rare characters in bytes."""
    return isinstance(token, str) and _BYTE_TOKEN.fullmatch(token) is not None


def need_rust(tokenizer: Any, wish: str) -> None:
    """Raise `InputError` where a tokenizer is written in Python, which `wish` cannot work with."""
    if not tokenizer.is_fast:
        raise InputError(f"{wish} needs a tokenizer of the Rust package; {type(tokenizer).__name__} is written in Python")


class TextDecoder:
    """Turns one row's tokens into pieces of text that never have to be taken back.

    What is held back: a word that ends in part of a character; a byte token at the end (the bytes after it may change how it
    is read); where the tokenizer tidies up spaces, an unfinished word. The cost of a token does not grow with the text.
    """

    def __init__(self, tokenizer: Any, **decode_kwargs: Any) -> None:
        self._tokenizer = tokenizer
        self._kwargs = decode_kwargs
        tidy = decode_kwargs.get("clean_up_tokenization_spaces")
        self._tidies = bool(tokenizer.clean_up_tokenization_spaces if tidy is None else tidy)
        self._ids: list[int] = []
        # Tokens before `_start` are forgotten; those before `_done` are out, and give context to what follows them.
        self._done = 0
        self._shown = 0

    def push(self, ids: list[int]) -> str:
        """Add tokens; returns the text that is now certain."""
        self._ids.extend(ids)
        if self._tidies:
            text = self._text(self._ids)
            certain = 0 if text.endswith(_HALF) else text.rfind(" ")
            piece = text[self._shown : max(self._shown, certain)]
            self._shown += len(piece)
            return piece
        if not self._ids or is_byte_token(self._tokenizer.convert_ids_to_tokens(self._ids[-1])):
            return ""
        text = self._text(self._ids)
        piece = self._rest(text)
        if text.endswith(_HALF):
            piece = piece[: piece.rfind(" ") + 1]
            self._shown += len(piece)
            return piece
        # Some decoders drop a space at the very start: only tokens that wrote something give context.
        if self._text(self._ids[self._done :]):
            self._ids = self._ids[self._done :] if self._done else self._ids
        self._done, self._shown = len(self._ids), 0
        return piece

    def flush(self) -> str:
        """The rest, as it is."""
        piece = self._rest(self._text(self._ids))
        self._ids, self._done, self._shown = [], 0, 0
        return piece

    def _rest(self, text: str) -> str:
        """What of `text`, that of all tokens here, is not out."""
        return text[self._shown + len(self._text(self._ids[: self._done])) :]

    def _text(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, **self._kwargs) if ids else ""
        return text


class WordDecoder(TextDecoder):
    """The same in whole words: a piece ends behind a space, at the end of a line, or with an ideograph."""

    _unfinished = ""

    def push(self, ids: list[int]) -> str:
        """Add tokens; returns the words that are now whole."""
        text = self._unfinished + super().push(ids)
        whole = len(text) if text.endswith("\n") or _ENDS_IN_IDEOGRAPH.search(text) else text.rfind(" ") + 1
        self._unfinished = text[whole:]
        return text[:whole]

    def flush(self) -> str:
        """The rest, as it is."""
        text, self._unfinished = self._unfinished + super().flush(), ""
        return text
