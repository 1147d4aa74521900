"""XLM's tokenizer: words as Moses splits them, lowercased and without accents, then byte pairs of characters."""

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError
from ...core.optional import require
from ...preprocess.text.moses import Moses
from ...preprocess.text.python_tokenizer import PythonBackend
from ...preprocess.text.token_table import id_in, read_table, write_table
from ...preprocess.text.word_merges import END, WordMerges

_ROMANIAN = str.maketrans("ŞşȘșŢţȚțĂăÂâÎî", "SsSsTtTtAaAaIi")


class XLMTokenizer(PythonBackend):
    """Opens `vocab.json` and `merges.txt`; needs the package sacremoses. `<s>` stands before and `</s>` behind texts.

    Args:
        lang2id, id2lang: the languages of the model and the rows of their embeddings.
        do_lowercase_and_remove_accent: False for the models of 17 and 100 languages.
    """

    vocab_files_names = {"vocab_file": "vocab.json", "merges_file": "merges.txt"}

    def __init__(
        self,
        vocab_file: str,
        merges_file: str,
        unk_token: str = "<unk>",
        bos_token: str = "<s>",
        sep_token: str = "</s>",
        pad_token: str = "<pad>",
        cls_token: str = "</s>",
        mask_token: str = "<special1>",
        lang2id: Mapping[str, int] | None = None,
        id2lang: Mapping[Any, str] | None = None,
        do_lowercase_and_remove_accent: bool = True,
        **options: Any,
    ) -> None:
        if lang2id is not None and id2lang is not None and len(lang2id) != len(id2lang):
            raise ArgumentError(f"lang2id has {len(lang2id)} languages and id2lang {len(id2lang)}; expected as many")
        self._moses = {"en": Moses("en", "XLMTokenizer")}
        self.lang2id, self.id2lang = lang2id, id2lang
        self.do_lowercase_and_remove_accent = do_lowercase_and_remove_accent
        self.encoder = read_table(vocab_file)
        self.decoder = {index: token for token, index in self.encoder.items()}
        self._merges = WordMerges(merges_file)
        self.bpe_ranks = self._merges.ranks
        if "extra_special_tokens" not in options:
            options.setdefault("additional_special_tokens", [f"<special{number}>" for number in range(10)])
        roles = {"unk_token": unk_token, "bos_token": bos_token, "sep_token": sep_token, "pad_token": pad_token}
        further = {"cls_token": cls_token, "mask_token": mask_token, "lang2id": lang2id, "id2lang": id2lang}
        super().__init__(**roles, **further, do_lowercase_and_remove_accent=do_lowercase_and_remove_accent, **options)

    @property
    def do_lower_case(self) -> bool:
        """The same as `do_lowercase_and_remove_accent`."""
        return self.do_lowercase_and_remove_accent

    @property
    def vocab_size(self) -> int:
        """Tokens without the added ones."""
        return len(self.encoder)

    def get_vocab(self) -> dict[str, int]:
        """Token -> id, with the added ones."""
        return {**self.encoder, **self._added_tokens_encoder}

    def _tokenize(self, text: str, lang: str = "en", bypass_tokenizer: bool = False) -> list[str]:
        """The tokens of a text in the language `lang`, or, with `bypass_tokenizer`, of words that spaces divide already."""
        words = text.split() if bypass_tokenizer else self.words(text, lang)
        return [token for word in words if word for token in self._merges.split(word)]

    def words(self, text: str, lang: str = "en") -> list[str]:
        """The words of a text in the language `lang`; Thai, Chinese and Japanese need the packages that find theirs.

        Raises:
            MissingDependency: the package is not installed.
        """
        if lang == "zh":
            text = " ".join(require("rjieba", "Chinese in XLMTokenizer").cut(text))
        if lang not in self._moses:
            self._moses[lang] = Moses(lang, "XLMTokenizer")
        text = self._moses[lang].clean(text)
        if lang == "zh":
            words = text.split()
        elif lang == "th":
            words = require("pythainlp.tokenize", "Thai in XLMTokenizer").word_tokenize(text)
        elif lang == "ja":
            model = Path.home() / "local" / "share" / "kytea" / "model.bin"
            words = list(require("Mykytea", "Japanese in XLMTokenizer").Mykytea(f"-model {model}").getWS(text))
        else:
            words = self._moses[lang].split(text.translate(_ROMANIAN) if lang == "ro" else text, False, split_dashes=False)
        return _plain(words) if self.do_lowercase_and_remove_accent else words

    def _convert_token_to_id(self, token: str) -> int:
        return id_in(self.encoder, token, self.unk_token, self._added_tokens_encoder)

    def _convert_id_to_token(self, index: int) -> str:
        return self.decoder.get(index, str(self.unk_token))

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The words of tokens with spaces between them."""
        return "".join(tokens).replace(END, " ").strip()

    def build_inputs_with_special_tokens(self, token_ids_0: list[int], token_ids_1: list[int] | None = None) -> list[int]:
        """`<s>` before, `</s>` behind each text."""
        first: Any = self.bos_token_id
        last: Any = self.sep_token_id
        return [first, *token_ids_0, last] if token_ids_1 is None else [first, *token_ids_0, last, *token_ids_1, last]

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write `vocab.json` and `merges.txt`; returns the paths."""
        folder, prefix = Path(save_directory), f"{filename_prefix}-" if filename_prefix else ""
        vocab, merges = (folder / f"{prefix}{name}" for name in self.vocab_files_names.values())
        return write_table(self.encoder, vocab), self._merges.write(merges)


def _plain(words: list[str]) -> list[str]:
    """Words in lower case, without marks on letters."""
    letters = unicodedata.normalize("NFD", " ".join(words).lower())
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn").lower().split(" ")
