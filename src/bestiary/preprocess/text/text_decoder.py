"""Text from tokens that come one by one."""

import re
from typing import Any

from ...core.errors import InputError

_HALF = "\ufffd"  # what a decoder writes for bytes that are no whole character
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

    A piece is held back while it ends in part of a character, in a byte token (the bytes after it may change how it is
    read), or, where the tokenizer tidies up spaces, in an unfinished word. The cost of a token does not grow with the text.
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
        if text.endswith(_HALF):
            return ""
        piece = self._rest(text)
        # Some decoders drop a space at the very start: only tokens that wrote something give context.
        if self._text(self._ids[self._done :]):
            self._ids = self._ids[self._done :] if self._done else self._ids
        self._done = len(self._ids)
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
