"""Control tokens in what users write, as text: only a template's own become tokens.

Where one stands in a message it is put between two private characters before the template is rendered. What stands between
these afterwards is encoded without added tokens, all else as usual.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from tokenizers import AddedToken

from ....core.errors import InputError

_START, _END = "\U000f0000", "\U000f0001"


def pattern_of(tokens: Iterable[AddedToken], source: str, listed: Collection[str] | None) -> re.Pattern[str]:
    """What matches a control token, the longest first: the special ones of `tokens`, and others that control a chat.

    Args:
        listed: these others; None for those that the template `source` writes, blanks left out.
    """
    text = "" if listed is not None else _literals(source)
    controls = [
        token.content
        for token in tokens
        if token.special or (token.content in listed if listed is not None else token.content.strip() and token.content in text)
    ]
    return re.compile("|".join(map(re.escape, sorted(controls, key=len, reverse=True))) or "(?!)")


def _literals(source: str) -> str:
    """The texts in a template, so joined that nothing is found across two of them."""
    from jinja2 import nodes  # a tokenizer without templates does without

    from .sandbox import compiled

    tree = compiled(source).environment.parse(source)
    constants = [node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)]
    return "\0".join([node.data for node in tree.find_all(nodes.TemplateData)] + constants)


def mark(value: Any, tokens: re.Pattern[str]) -> Any:
    """`value` with the tokens in its texts marked, also within mappings and lists; keys stay, marks of others are dropped."""
    if isinstance(value, str):
        return tokens.sub(rf"{_START}\g<0>{_END}", re.sub(f"[{_START}{_END}]", "", value))
    if isinstance(value, Mapping):
        return {key: mark(each, tokens) for key, each in value.items()}
    return [mark(each, tokens) for each in value] if isinstance(value, list | tuple) else value


def encode_marked(
    text: str,
    tokens: re.Pattern[str],
    encode: Callable[[str], list[int]],
    encode_as_text: Callable[[str], list[int]],
    token_to_id: Callable[[str], int | None],
) -> list[int]:
    """The ids of a rendered prompt: marked tokens by `encode_as_text`, all else by `encode`.

    Raises:
        InputError: the vocabulary makes that token of plain text too.
    """
    first, *pieces = re.split(f"{_START}({tokens.pattern}){_END}|[{_START}{_END}]", text)
    ids = encode(first)
    for place, piece in enumerate(pieces):
        if not piece:  # also None, where a template has torn the marks of a token apart
            continue
        is_token = place % 2 == 0
        more = _inside(piece, encode_as_text if is_token else encode)
        if is_token and token_to_id(piece) in more:
            raise InputError(f"{piece!r} cannot be encoded as text: the vocabulary has it, and makes it of plain text too")
        ids += more
    return ids


def _inside(piece: str, encode: Callable[[str], list[int]]) -> list[int]:
    """The ids of a piece from within a text: behind a line break no tokenizer puts a space, as some do at a beginning."""
    alone, behind = encode("\n"), encode(f"\n{piece}")
    return behind[len(alone) :] if behind[: len(alone)] == alone else encode(piece)
