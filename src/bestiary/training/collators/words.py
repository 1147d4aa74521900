"""Which tokens make up a word, for collators that hide whole words."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...core.errors import InputError

# What the tokens of byte-level BPE and of SentencePiece begin a word with, and those of WordPiece go on with.
_BEGINS, _GOES_ON = ("\u0120", "\u2581"), "##"


def words_of(
    ids: np.ndarray, special: np.ndarray, tokenizer: Any, offsets: Any = None, numbers: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """The number of each token's word, -1 for special tokens, and whether it is not its word's first token, (B, T) each.

    A word begins after a special token, where its characters do not follow those of the token before it, and where its token
    has the sign for that.

    Args:
        ids: (B, T). special: (B, T), True for special tokens and padding.
        offsets: (B, T, 2), the characters of each token. numbers: (B, T), of words, as `word_ids()` gives them, None for none.

    Raises:
        InputError: there are neither, and tokens have no signs.
    """
    after_special = np.roll(special, 1, axis=1)
    after_special[:, 0] = False
    if numbers is not None:
        known = np.array([[-1 if each is None else each for each in row] for row in numbers])
        begins = known != np.roll(known, 1, axis=1)
        begins[:, 0] = True
    else:
        begins = _begins_by_sign(ids, tokenizer, needed=offsets is None)
    if offsets is not None:
        starts, ends = np.asarray(offsets)[..., 0], np.roll(np.asarray(offsets)[..., 1], 1, axis=1)
        ends[:, 0] = -1
        begins = begins | (starts != ends)
    first = ~special & (begins | after_special)
    return np.where(special, -1, np.cumsum(first, axis=1)), ~first


def _begins_by_sign(ids: np.ndarray, tokenizer: Any, needed: bool) -> np.ndarray:
    tokens = [tokenizer.convert_ids_to_tokens(row) for row in ids.tolist()]
    vocabulary: Iterable[str] = tokenizer.get_vocab()
    sign = next((sign for sign in _BEGINS if any(each.startswith(sign) for each in vocabulary)), None)
    if sign is not None:
        return _which(tokens, lambda token: token.startswith(sign))
    if not needed:
        return np.zeros(ids.shape, dtype=bool)
    if any(each.startswith(_GOES_ON) for each in vocabulary):
        return _which(tokens, lambda token: not token.startswith(_GOES_ON))
    raise InputError(
        "nothing in this vocabulary tells where words begin; give examples the column offset_mapping"
        " (return_offsets_mapping=True) or word_ids"
    )


def _which(tokens: list[list[str]], begins: Callable[[str], bool]) -> np.ndarray:
    return np.array([[begins(token) for token in row] for row in tokens], dtype=bool)
