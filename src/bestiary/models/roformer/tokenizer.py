"""RoFormer's tokenizer: Chinese words that jieba finds, where they are in the vocabulary, and WordPiece of the rest."""

from collections.abc import Mapping
from typing import Any

from tokenizers import NormalizedString, PreTokenizedString, Tokenizer, normalizers, pre_tokenizers

from ...core.optional import require
from ...preprocess.text.rust import RustTokenizer
from ..bert.tokenizer import BertTokenizer


class JiebaPreTokenizer:
    """Cuts a text where jieba does; of a word that the vocabulary lacks, Chinese characters stand alone.

    Raises:
        MissingDependency: the package `rjieba` is not installed.
    """

    def __init__(self, vocab: Mapping[str, int]) -> None:
        self.jieba, self.vocab = require("rjieba", "cutting Chinese texts into words, as RoFormer's tokenizer does,"), vocab
        self.characters = normalizers.BertNormalizer(
            clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
        )

    def pre_tokenize(self, pretok: PreTokenizedString) -> None:
        """What the Rust package calls for every text."""
        pretok.split(self.jieba_split)

    def jieba_split(self, i: int, normalized_string: NormalizedString) -> list[NormalizedString]:
        """The words of a piece, each with its place in the text."""
        parts = []
        for word, start, _ in self.jieba.tokenize(str(normalized_string), hmm=False):
            for piece in [word] if word in self.vocab else self.characters.normalize_str(word).split():
                parts.append(normalized_string[start : start + len(piece)])
                start += len(piece)
        return [part for part in parts if part is not None]


class RoFormerTokenizer(BertTokenizer):
    """Opens `vocab.txt` and `tokenizer.json`; see `BertTokenizer` for its options. It needs the package `rjieba`."""

    model_input_names = ("input_ids", "attention_mask")

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """WordPiece from a `vocab.txt` or a mapping of token to id."""
        rust = super().convert(vocab, merges, {**settings, "tokenize_chinese_chars": False})
        return _cut_by_words(rust)

    @classmethod
    def adjust(cls, rust: Tokenizer, options: Mapping[str, Any]) -> None:
        super().adjust(rust, {name: value for name, value in options.items() if name != "tokenize_chinese_chars"})
        _cut_by_words(rust)

    def file_form(self) -> Tokenizer:
        """The tokenizer with BERT's way to cut, which the published files name: what is written in Python cannot be stored."""
        main = self.rust.main
        twin = self.rust.framed(main.post_processor).main
        twin.decoder, twin.pre_tokenizer = main.decoder, pre_tokenizers.BertPreTokenizer()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "rust": RustTokenizer(self.file_form())}

    def __setstate__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
        _cut_by_words(self.rust.main)


def _cut_by_words(rust: Tokenizer) -> Tokenizer:
    """`rust` with its texts cut by jieba."""
    rust.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(JiebaPreTokenizer(rust.get_vocab()))
    return rust


RoFormerTokenizerFast = RoFormerTokenizer
