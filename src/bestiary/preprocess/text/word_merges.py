"""Byte pairs of the characters of one word (Sennrich et al. 2016), for tokenizers whose words another package splits."""

import math
import os
from itertools import pairwise
from pathlib import Path

from .converters.text import content, need_file

END = "</w>"  # ends the last token of a word
_KEPT = 65536  # words whose tokens are remembered


class WordMerges:
    """A word to tokens and back, by the rules of `merges.txt`.

    Attributes:
        ranks: pair of neighbours that becomes one token -> the place of its rule in the file.

    Raises:
        InputError, FileMissing: there is no such file. CorruptFile: it is not UTF-8.
    """

    def __init__(self, merges_file: str | os.PathLike[str]) -> None:
        lines = content(need_file(merges_file, "rules that merge tokens")).split("\n")[:-1]
        self.ranks = {tuple(line.split()[:2]): rank for rank, line in enumerate(lines)}
        self._tokens: dict[str, list[str]] = {}

    def split(self, word: str) -> list[str]:
        """The tokens of a word: neighbours are merged by the first rule that fits any, until none does."""
        if word not in self._tokens:
            if len(self._tokens) == _KEPT:
                self._tokens.clear()
            self._tokens[word] = self._merged(word)
        return self._tokens[word]

    def _merged(self, word: str) -> list[str]:
        parts = [*word[:-1], word[-1] + END]
        while len(parts) > 1:
            pairs = set(pairwise(parts))
            pair = min(pairs, key=lambda each: self.ranks.get(each, math.inf))
            if pair not in self.ranks:
                break
            merged: list[str] = []
            place = 0
            while place < len(parts):
                fits = tuple(parts[place : place + 2]) == pair
                merged.append("".join(pair) if fits else parts[place])
                place += 1 + fits
            parts = merged
        return parts

    def words(self, tokens: list[str]) -> list[str]:
        """The words that tokens spell."""
        return "".join(token.replace(" ", "").replace(END, " ") for token in tokens).split()

    def write(self, path: Path) -> str:
        """Write the rules as `merges.txt`; returns the path."""
        path.write_text("".join(f"{' '.join(pair)}\n" for pair in self.ranks), encoding="utf-8")
        return str(path)
