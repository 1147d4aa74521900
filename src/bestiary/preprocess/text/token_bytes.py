"""What each token writes, in bytes: measured by decoding, as tokenizers differ."""

from typing import Any, NamedTuple

from ...core.errors import ConfigError
from .converters.tiktoken import byte_letters
from .text_decoder import is_byte_token, need_rust

_SAMPLES = 6  # tokens behind which every other one is decoded


class Written(NamedTuple):
    """What tokens write.

    after: bytes of each token behind others, None for those that may not be used. first: those of a token at the beginning
    of a text, where that is not the same for all.
    """

    after: list[bytes | None]
    first: list[bytes | None] | None

    def complete(self) -> bool:
        """Whether every text can be spelt."""
        single = {text for text in self.after if text is not None and len(text) == 1}
        return all(bytes([value]) in single for value in range(0xF5) if value not in (0xC0, 0xC1))


def written(tokenizer: Any, size: int) -> Written:
    """What the first `size` tokens of `tokenizer` write. Special and added ones, and the unknown one, may not be used.

    Raises:
        ConfigError: the text of a token depends on more than what comes before it. InputError: a tokenizer written in Python.
    """
    need_rust(tokenizer, "a constraint")
    rust = tokenizer.rust.main
    tokens = [rust.id_to_token(index) for index in range(min(size, rust.get_vocab_size(with_added_tokens=True)))]
    unused = {*rust.get_added_tokens_decoder(), tokenizer.unk_token_id}
    usable = [index for index, token in enumerate(tokens) if token is not None and index not in unused]
    after: list[bytes | None] = [None] * size
    if _is_byte_level(rust):
        of_char = {char: bytes([value]) for value, char in enumerate(byte_letters())}
        for index in usable:
            parts = [of_char.get(char) for char in tokens[index]]
            after[index] = None if None in parts else b"".join(part for part in parts if part is not None)
        return Written(after, None)
    alone = dict(zip(usable, rust.decode_batch([[index] for index in usable], skip_special_tokens=False), strict=True))
    texts = _behind(rust, usable, alone)
    first: list[bytes | None] = [None] * size
    for index in usable:
        token, text = tokens[index], texts[index]
        if is_byte_token(token) and alone[index] != token:  # spelt in bytes, of which one alone may be no character
            after[index] = first[index] = bytes([int(token[3:5], 16)])
            if first[index] == b" ":
                first[index] = alone[index].encode()
        elif text is not None and "\ufffd" not in text:
            after[index], first[index] = text.encode(), alone[index].encode()
    if all(text is None for text in after):
        raise ConfigError(
            f"a constraint needs tokens whose text depends only on those before; the {type(rust.decoder).__name__} decoder of "
            "this tokenizer reads them otherwise"
        )
    return Written(after, None if first == after else first)


def _behind(rust: Any, usable: list[int], alone: dict[int, str]) -> dict[int, str | None]:
    """What each token writes behind another one; None where that differs with the other one."""
    letters = [index for index in usable if alone[index].strip().isalpha() and alone[index].isascii()]
    if not letters:
        raise ConfigError("a constraint needs a vocabulary that writes text; this one has no letters")
    texts: dict[int, str | None] = {}
    for before in letters[:: max(1, len(letters) // _SAMPLES)][:_SAMPLES]:
        length = len(alone[before])
        pairs = rust.decode_batch([[before, index] for index in usable], skip_special_tokens=False)
        for index, text in zip(usable, pairs, strict=True):
            same = text.startswith(alone[before]) and texts.get(index, text[length:]) == text[length:]
            texts[index] = text[length:] if same else None
    return texts


def _is_byte_level(rust: Any) -> bool:
    return rust.decoder is not None and b'"ByteLevel"' in rust.decoder.__getstate__()
