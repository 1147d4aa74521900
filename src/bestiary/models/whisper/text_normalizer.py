"""Bringing transcripts into one spelling before they are compared (Radford et al., 2022, appendix C)."""

import re
import unicodedata
from collections.abc import Mapping

from .number_normalizer import standard_numbers

# Letters that Unicode does not take apart into a letter and a mark.
_LETTERS = {"œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "ß": "ss", "ẞ": "SS", "đ": "d", "Đ": "D"}
_LETTERS |= {"ð": "d", "Ð": "D", "þ": "th", "Þ": "th", "ł": "l", "Ł": "L"}
_BRACKETED = (re.compile(r"[<\[][^>\]]*[>\]]"), re.compile(r"\(([^)]+?)\)"))

_HESITATION = re.compile(r"\b(hmm|mm|mhm|mmm|uh|um)\b")
_WORDS = {
    r"\bwon't\b": "will not",
    r"\bcan't\b": "can not",
    r"\blet's\b": "let us",
    r"\bain't\b": "aint",
    r"\by'all\b": "you all",
    r"\bwanna\b": "want to",
    r"\bgotta\b": "got to",
    r"\bgonna\b": "going to",
    r"\bi'ma\b": "i am going to",
    r"\bimma\b": "i am going to",
    r"\bwoulda\b": "would have",
    r"\bcoulda\b": "could have",
    r"\bshoulda\b": "should have",
    r"\bma'am\b": "madam",
    r"\bmr\b": "mister ",
    r"\bmrs\b": "missus ",
    r"\bst\b": "saint ",
    r"\bdr\b": "doctor ",
    r"\bprof\b": "professor ",
    r"\bcapt\b": "captain ",
    r"\bgov\b": "governor ",
    r"\bald\b": "alderman ",
    r"\bgen\b": "general ",
    r"\bsen\b": "senator ",
    r"\brep\b": "representative ",
    r"\bpres\b": "president ",
    r"\brev\b": "reverend ",
    r"\bhon\b": "honorable ",
    r"\basst\b": "assistant ",
    r"\bassoc\b": "associate ",
    r"\blt\b": "lieutenant ",
    r"\bcol\b": "colonel ",
    r"\bjr\b": "junior ",
    r"\bsr\b": "senior ",
    r"\besq\b": "esquire ",
    r"'d been\b": " had been",
    r"'s been\b": " has been",
    r"'d gone\b": " had gone",
    r"'s gone\b": " has gone",
    r"'d done\b": " had done",
    r"'s got\b": " has got",
    r"n't\b": " not",
    r"'re\b": " are",
    r"'s\b": " is",
    r"'d\b": " would",
    r"'ll\b": " will",
    r"'t\b": " not",
    r"'ve\b": " have",
    r"'m\b": " am",
}
_REWRITES = [(re.compile(pattern), replacement) for pattern, replacement in _WORDS.items()]


def remove_symbols(text: str, keep: str = "", diacritics: bool = False) -> str:
    """Marks, symbols and punctuation become spaces, but for `keep`; `diacritics` also go from their letters."""
    decomposed = unicodedata.normalize("NFKD" if diacritics else "NFKC", text)
    return "".join(_plain_letter(letter, keep, diacritics) for letter in decomposed)


def _plain_letter(letter: str, keep: str, diacritics: bool) -> str:
    if letter in keep:
        return letter
    if diacritics and letter in _LETTERS:
        return _LETTERS[letter]
    category = unicodedata.category(letter)
    if diacritics and category == "Mn":
        return ""
    return " " if category[0] in "MSP" else letter


def _lowered(text: str) -> str:
    text = text.lower()
    for pattern in _BRACKETED:
        text = pattern.sub("", text)
    return text


class BasicTextNormalizer:
    """For every language: lower case, no bracketed remarks, no symbols; `split_letters` puts spaces between letters."""

    def __init__(self, remove_diacritics: bool = False, split_letters: bool = False) -> None:
        self.remove_diacritics = remove_diacritics
        self.split_letters = split_letters

    def __call__(self, text: str) -> str:
        text = remove_symbols(_lowered(text), diacritics=self.remove_diacritics).lower()
        if self.split_letters:
            text = " ".join(re.findall(r".[\u0300-\u036f]*", text, re.DOTALL))
        return re.sub(r"\s+", " ", text)


class EnglishTextNormalizer:
    """For English: also contractions and titles written out, numbers as digits, one spelling of each word.

    Args:
        spellings: British -> American, as in a checkpoint's `normalizer.json`.
    """

    def __init__(self, spellings: Mapping[str, str]) -> None:
        self.spellings = spellings

    def __call__(self, text: str) -> str:
        text = _HESITATION.sub("", _lowered(text))
        text = re.sub(r"\s+'", "'", text)
        for pattern, replacement in _REWRITES:
            text = pattern.sub(replacement, text)
        text = re.sub(r"(\d),(\d)", r"\1\2", text)
        text = re.sub(r"\.([^0-9]|$)", r" \1", text)
        text = remove_symbols(text, keep=".%$¢€£", diacritics=True)
        text = standard_numbers(text)
        text = " ".join(self.spellings.get(word, word) for word in text.split())
        text = re.sub(r"[.$¢€£]([^0-9])", r" \1", text)
        text = re.sub(r"([^0-9])%", r"\1 ", text)
        return re.sub(r"\s+", " ", text)
