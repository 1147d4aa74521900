"""Words as the scripts of Moses split them (Koehn et al. 2007), by the package sacremoses."""

import re
import unicodedata
from collections.abc import Sequence

from ...core.optional import require

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("，、", ","),
        **dict.fromkeys("”“《》」「", '"'),
        **dict.fromkeys("∶：", ":"),
        **dict(zip("？！；（）【】〈〉～’━％", "?!;()[]<>~'-%", strict=True)),
        **dict(zip("０１２３４５６７８９", "0123456789", strict=True)),
        "…": "...",
    }
)


class Moses:
    """Text to words and back in one language.

    Args:
        language: its code in ISO 639, such as "en". needed_for: what an error names where sacremoses is not installed.

    Raises:
        MissingDependency: it is not.
    """

    def __init__(self, language: str, needed_for: str) -> None:
        package = require("sacremoses", needed_for)
        self._normalizer = package.MosesPunctNormalizer(lang=language)
        self._splitter, self._joiner = package.MosesTokenizer(lang=language), package.MosesDetokenizer(lang=language)

    def normalized(self, text: str) -> str:
        """The text with the punctuation of the language."""
        output: str = self._normalizer.normalize(text)
        return output

    def clean(self, text: str) -> str:
        """The text with plain punctuation, without characters that nobody sees (categories C of Unicode)."""
        text = re.sub(r"[。．]\s*", ". ", text.translate(_PLAIN))
        return "".join(letter for letter in self.normalized(text) if unicodedata.category(letter)[0] != "C")

    def split(self, text: str, escape: bool = True, split_dashes: bool = True, whole: Sequence[str] | None = None) -> list[str]:
        """The words of a text and its signs of punctuation.

        Args:
            escape: whether some signs are escaped (`&amp;`). split_dashes: whether words with dashes come in parts.
            whole: patterns of what is not split.
        """
        options = {"aggressive_dash_splits": split_dashes, "escape": escape, "protected_patterns": whole}
        return [word for word in self._splitter.tokenize(text, return_str=False, **options) if word]

    def join(self, words: list[str]) -> str:
        """The text of words, with spaces and punctuation where they belong."""
        text: str = self._joiner.detokenize(words)
        return text
