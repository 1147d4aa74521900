"""`Trie` and `ExtensionsTrie`, sets of words by their letters: tokenizers of other people cut texts at added tokens by them."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any


class Trie:
    """A set of words, by which texts are cut.

    Attributes:
        data: letter -> table of the letters that may follow; "" stands where a word ends.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.data: dict[str, Any] = {}
        self._tokens: dict[str, None] = {}
        self.update(words)

    def update(self, words: Iterable[str]) -> None:
        """Add each of the words."""
        for word in words:
            self.add(word)

    def add(self, word: str) -> None:
        """Add one word; an empty one is none."""
        if not word:
            return
        self._tokens[word] = None
        table = self.data
        for letter in word:
            table = table.setdefault(letter, {})
        table[""] = 1

    def split(self, text: str) -> list[str]:
        """The words in `text` and what is between them; of words that begin at one place, the longest is taken.

        >>> Trie(["[CLS]", "extra_id_1", "extra_id_100"]).split("[CLS] This is extra_id_100")
        ['[CLS]', ' This is ', 'extra_id_100']
        """
        if not self._tokens:
            return self.cut_text(text, [])
        longest_first = "|".join(re.escape(word) for word in sorted(self._tokens, key=len, reverse=True))
        return self.cut_text(text, [place for word in re.finditer(longest_first, text) for place in word.span()])

    def cut_text(self, text: str, offsets: Sequence[int]) -> list[str]:
        """`text` cut at these places, without empty parts."""
        return [text[start:end] for start, end in pairwise([0, *offsets, len(text)]) if start < end]


class ExtensionsTrie(Trie):
    """A set of words that tells which of them begin alike."""

    def extensions(self, prefix: str) -> list[str]:
        """The words that begin with `prefix`, itself among them."""
        return [word for word in self._tokens if word.startswith(prefix)]
