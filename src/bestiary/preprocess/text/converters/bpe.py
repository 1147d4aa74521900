"""`vocab.json` and `merges.txt`: byte-pair encoding over bytes written as letters (Radford et al., 2019)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from ....core.errors import CorruptFile, InputError
from ....core.files import read_json
from ..rust import ends_template
from .text import is_path, lines

Merges = list[tuple[str, str]]


def read(vocab: Any, merges: Any) -> tuple[dict[str, int], Merges]:
    """Token -> id, and the merges from the first to the last; both from files or as they are.

    Raises:
        CorruptFile: not token -> id, or a line that is no merge of two tokens of the vocabulary.
    """
    is_file = is_path(vocab)
    if not isinstance(merges, str | os.PathLike | list | tuple | None):
        raise InputError(f"merges are a path or a list of pairs of tokens, not {type(merges).__name__} {merges!r:.60}")
    if merges is None and is_file:
        beside = Path(vocab).with_name("merges.txt")
        if not beside.is_file():
            raise InputError(f"the vocabulary {vocab} needs its merges; pass merges_file= or put merges.txt beside it")
        merges = beside
    table = read_json(vocab) if is_file else dict(vocab)
    if not isinstance(table, dict) or not all(isinstance(index, int) for index in table.values()):
        what = str(vocab) if is_file else "the vocabulary"
        raise CorruptFile(f"{what} does not map tokens to ids; it holds {table!r:.60}")
    pairs = _read_merges(merges) if isinstance(merges, str | os.PathLike) else [pair(item) for item in merges or []]
    for left, right in pairs:
        if not (left in table and right in table):
            raise CorruptFile(
                f"the merge {left!r} {right!r} uses a token that the vocabulary lacks; the files do not belong together"
            )
    return table, pairs


def _read_merges(path: str | os.PathLike[str]) -> Merges:
    return [pair(line) for line in lines(path) if line and not line.startswith("#version")]


def pair(item: str | Sequence[str]) -> tuple[str, str]:
    """The two tokens of a merge, which a space stands between where it is a text."""
    parts = item.split(" ") if isinstance(item, str) else list(item) if isinstance(item, list | tuple) else []
    if len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        raise CorruptFile(f"{item!r:.60} is no merge: two tokens with a space between them are expected")
    return parts[0], parts[1]


def model(vocab: dict[str, int], merges: Merges, **options: Any) -> models.BPE:
    """The Rust model.

    Raises:
        CorruptFile: the merges make tokens that the vocabulary lacks.
    """
    try:
        return models.BPE(vocab, merges, **options)
    except Exception as error:
        raise CorruptFile(f"vocabulary and merges do not fit together: {error}") from error


def byte_level(vocab: dict[str, int], merges: Merges, add_prefix_space: bool = False, **options: Any) -> Tokenizer:
    """GPT-2's tokenizer: split by its expression, then merge bytes; nothing is added at the ends."""
    rust = Tokenizer(model(vocab, merges, **{"continuing_subword_prefix": "", "end_of_word_suffix": "", **options}))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    rust.decoder = decoders.ByteLevel()
    rust.post_processor = ends_template(None, None)
    return rust


def split_bytes(pattern: str, add_prefix_space: bool = False) -> pre_tokenizers.Sequence:
    """The pre-tokenizer that splits a text by `pattern`, and then writes its bytes as letters."""
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=False)])
