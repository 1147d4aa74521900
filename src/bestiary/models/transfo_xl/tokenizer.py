"""Transformer-XL's tokenizer: words as Moses splits them, and numbers in parts."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ArgumentError, CorruptFile, FileMissing, InputError
from ...core.kinds import check
from ...core.logging import get_logger
from ...preprocess.text.moses import Moses
from ...preprocess.text.plain_pickle import read_plain_pickle
from ...preprocess.text.python_tokenizer import PythonBackend

_WITHIN_NUMBER = re.compile(r"(?<=\d)([,.])(?=\d)")
_UNKNOWN = ("<UNK>", "<unk>")
_LINES_TOLD = 500_000
_logger = get_logger(__name__)


def tokenize_numbers(words: Iterable[str]) -> list[str]:
    """Words, and parts of numbers: "1,000.5" is "1 @,@ 000 @.@ 5"."""
    return [part for word in words for part in _WITHIN_NUMBER.sub(r" @\1@ ", word).split()]


def detokenize_numbers(text: str) -> str:
    """A text with whole numbers, from one with their parts."""
    return text.replace(" @,@ ", ",").replace(" @.@ ", ".")


class TransfoXLTokenizer(PythonBackend):
    """Opens `vocab.txt`, a word a line, or `vocab.pkl`, if that holds plain values only; needs the package sacremoses.

    Without a file it counts the words of texts (`count_file`, `count_sents`), of which `build_vocab` makes the vocabulary.

    Args:
        special: tokens that a counted vocabulary begins with. min_freq, max_size: which words it has: those that were seen so
            often, and no more than so many.
        lower_case: whether texts are lowercased. delimiter: "" for characters in place of words.
        never_split: patterns of what stays whole; None for the special tokens. language: of the words, such as "en".
    """

    vocab_files_names = {"vocab_file": "vocab.txt", "pretrained_vocab_file": "vocab.pkl"}
    model_input_names = ["input_ids"]

    def __init__(
        self,
        special: list[str] | None = None,
        min_freq: int = 0,
        max_size: int | None = None,
        lower_case: bool = False,
        delimiter: str | None = None,
        vocab_file: str | None = None,
        pretrained_vocab_file: str | None = None,
        never_split: list[str] | None = None,
        unk_token: str = "<unk>",
        eos_token: str = "<eos>",
        language: str = "en",
        **options: Any,
    ) -> None:
        self._moses = Moses(language, "TransfoXLTokenizer")
        self.counter: Counter[str] = Counter()
        self.special, self.min_freq, self.max_size = special or [], min_freq, max_size
        self.lower_case, self.delimiter, self.language, self.vocab_file = lower_case, delimiter, language, vocab_file
        self.idx2sym: list[str] = []
        self.sym2idx: dict[str, int] = {}
        if vocab_file is not None:
            self._take(_read_words(vocab_file))
        elif pretrained_vocab_file is not None:
            self._take(_read_pickled_words(pretrained_vocab_file))
        if "extra_special_tokens" not in options:
            options.setdefault("additional_special_tokens", ["<formula>"])
        kept: dict[str, Any] = {"special": special, "min_freq": min_freq, "max_size": max_size, "lower_case": lower_case}
        kept |= {"delimiter": delimiter, "language": language, "never_split": never_split}
        super().__init__(unk_token=unk_token, eos_token=eos_token, **kept, **options)
        check(type(self).__name__, "never_split", never_split, list[str] | None)
        self.never_split = self.all_special_tokens if never_split is None else never_split

    def _take(self, words: Iterable[str]) -> None:
        """Make these the vocabulary; a word that comes again is the earlier one."""
        self.idx2sym = list(dict.fromkeys(words))
        self.sym2idx = {word: index for index, word in enumerate(self.idx2sym)}

    @property
    def do_lower_case(self) -> bool:
        """The same as `lower_case`."""
        return self.lower_case

    @property
    def vocab_size(self) -> int:
        """Words without the added tokens."""
        return len(self.idx2sym)

    def get_vocab(self) -> dict[str, int]:
        """Word -> id, with the added ones."""
        return {**self.sym2idx, **self._added_tokens_encoder}

    def tokenize(
        self,
        text: str,
        pair: str | None = None,
        add_special_tokens: bool = False,
        add_eos: bool = False,
        add_double_eos: bool = False,
        **options: Any,
    ) -> list[str]:
        """The words of a text (and of a second one behind it); behind them `<eos>`, or `<S>` on both sides."""
        words = super().tokenize(text, pair, add_special_tokens, **options)
        if add_double_eos:
            return ["<S>", *words, "<S>"]
        return [*words, "<eos>"] if add_eos else words

    def _tokenize(self, text: str) -> list[str]:
        text = text.strip().lower() if self.lower_case else text.strip()
        return list(text) if self.delimiter == "" else self.moses_pipeline(text)

    def moses_pipeline(self, text: str) -> list[str]:
        """The words of a text with plain punctuation, words with dashes in parts, and parts of numbers."""
        words = self._moses.split(self._moses.normalized(text), escape=False, whole=self.never_split)
        return tokenize_numbers(words)

    def _convert_token_to_id(self, token: str) -> int:
        """The number of a word, or of the unknown one.

        Raises:
            InputError: it is not in the vocabulary, which has no unknown word.
        """
        index = self.sym2idx.get(token)
        for unknown in _UNKNOWN if index is None else ():
            if unknown in self.sym2idx:
                return self.sym2idx[unknown]
        if index is None:
            raise InputError(
                f"{token!r:.60} is not in the vocabulary, which has no <unk> to stand for it; build or pass another"
            )
        return index

    def _convert_id_to_token(self, index: int) -> str:
        if not 0 <= index < len(self.idx2sym):
            raise InputError(f"there is no word {index}; the vocabulary has {len(self.idx2sym)}")
        return self.idx2sym[index]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of words, numbers whole."""
        return detokenize_numbers(self._moses.join(tokens)).strip()

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write `vocab.txt`; returns its path."""
        path = Path(save_directory) / f"{f'{filename_prefix}-' if filename_prefix else ''}vocab.txt"
        path.write_text("".join(f"{word}\n" for word in self.idx2sym), encoding="utf-8")
        return (str(path),)

    # Vocabularies that are counted

    def count_file(self, path: str | os.PathLike[str], verbose: bool = False, add_eos: bool = False) -> list[list[str]]:
        """Count the words of a file; returns those of each line. `verbose`: log how far it is, as INFO."""
        lines = _told(_lines(path), f"counting the words of {path}", verbose)
        sentences = [self.tokenize(line, add_eos=add_eos) for line in lines]
        self.count_sents(sentences)
        return sentences

    def count_sents(self, sents: Iterable[list[str]], verbose: bool = False) -> None:
        """Count words, of a list for each line."""
        for words in _told(sents, "counting words", verbose):
            self.counter.update(words)

    def build_vocab(self) -> None:
        """Read the vocabulary from its file again, or make it of `special` and what was counted, the most frequent first."""
        if self.vocab_file is not None:
            self._take(_read_words(self.vocab_file))
        else:
            counted = self.counter.most_common(self.max_size)
            self._take([*self.special, *(word for word, count in counted if count >= self.min_freq)])
        self._added_tokens_encoder, self._added_tokens_decoder = {}, {}  # those of the vocabulary have its numbers
        self._set_specials(self.init_kwargs)

    def add_symbol(self, sym: str) -> None:
        """Put a word behind the vocabulary, unless it is there."""
        if sym not in self.sym2idx:
            self.sym2idx[sym] = len(self.idx2sym)
            self.idx2sym.append(sym)

    add_special = add_symbol

    def move_added_token(self, token: str, target_idx: int) -> None:
        """Make an added token the word `target_idx` of the vocabulary, for embeddings whose table in the middle has grown.

        Raises:
            ArgumentError: it is no added token, or a word already.
        """
        if token not in self._added_tokens_encoder or token in self.sym2idx:
            raise ArgumentError(f"{token!r:.60} is no added token, or is in the vocabulary already")
        self._added_tokens_decoder.pop(self._added_tokens_encoder.pop(token))
        self._take([*self.idx2sym[:target_idx], token, *self.idx2sym[target_idx:]])

    def encode_file(
        self,
        path: str | os.PathLike[str],
        ordered: bool = False,
        verbose: bool = False,
        add_eos: bool = True,
        add_double_eos: bool = False,
    ) -> Any:
        """The ids (T,) of each line of a file, or, with `ordered`, of the file."""
        lines = _told(_lines(path), f"encoding {path}", verbose)
        sentences = (self.tokenize(line, add_eos=add_eos, add_double_eos=add_double_eos) for line in lines)
        return self.encode_sents(sentences, ordered)

    def encode_sents(self, sents: Iterable[list[str]], ordered: bool = False, verbose: bool = False) -> Any:
        """The ids (T,) of the words of each line, or, with `ordered`, of all."""
        encoded = [self.convert_to_tensor(words) for words in _told(sents, "encoding words", verbose)]
        return torch.cat(encoded) if ordered else encoded

    def convert_to_tensor(self, symbols: list[str]) -> Tensor:
        """The ids (T,) of words."""
        return torch.tensor(self.convert_tokens_to_ids(symbols), dtype=torch.long)


def _told(lines: Iterable[Any], what: str, verbose: bool) -> Iterator[Any]:
    """`lines`; with `verbose`, the log says that it begins, and after every 500,000."""
    if verbose:
        _logger.info("%s", what)
    for number, line in enumerate(lines):
        if verbose and number and number % _LINES_TOLD == 0:
            _logger.info("%s: line %d", what, number)
        yield line


def _lines(path: str | os.PathLike[str]) -> Iterable[str]:
    if not os.path.isfile(path):
        raise FileMissing(f"{path} is no file; expected a text to be read")
    with open(path, encoding="utf-8") as file:
        try:
            yield from file
        except UnicodeDecodeError as error:
            raise CorruptFile(f"{path} is not UTF-8 text: {error}") from error


def _read_words(path: str | os.PathLike[str]) -> list[str]:
    """The first word of each line.

    Raises:
        CorruptFile: a line has none, or no word stands for unknown ones.
    """
    words = [line.split()[:1] for line in _lines(path)]
    if not all(words) or not any([unknown] in words for unknown in _UNKNOWN):
        raise CorruptFile(f"{path} is no vocabulary; expected a word a line, one of them <unk>")
    return [word for (word,) in words]


def _read_pickled_words(path: str | os.PathLike[str]) -> list[str]:
    """The list of words in `vocab.pkl`.

    Raises:
        UnsafeFile, CorruptFile: as `read_plain_pickle`, or there is no such list.
    """
    table = read_plain_pickle(path)
    words = table.get("idx2sym") if isinstance(table, dict) else None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise CorruptFile(f"{path} holds no list of words called idx2sym")
    return words
