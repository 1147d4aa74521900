"""BioGPT's tokenizer: words as Moses splits them (Koehn et al. 2007), then byte pairs of characters."""

import json
import math
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from ...core.errors import CorruptFile
from ...core.optional import require
from ...preprocess.text.python_tokenizer import PythonBackend

END = "</w>"  # ends the last token of a word


class BioGptTokenizer(PythonBackend):
    """Opens `vocab.json` and `merges.txt`; needs the package sacremoses. `</s>` stands before each text."""

    vocab_files_names = {"vocab_file": "vocab.json", "merges_file": "merges.txt"}
    model_input_names = ["input_ids", "attention_mask"]

    def __init__(
        self,
        vocab_file: str,
        merges_file: str,
        unk_token: str = "<unk>",
        bos_token: str = "<s>",
        eos_token: str = "</s>",
        sep_token: str = "</s>",
        pad_token: str = "<pad>",
        **options: Any,
    ) -> None:
        moses = require("sacremoses", "BioGptTokenizer")
        self._words, self._text = moses.MosesTokenizer(lang="en"), moses.MosesDetokenizer(lang="en")
        self.encoder = _vocabulary(vocab_file)
        self.decoder = {index: token for token, index in self.encoder.items()}
        lines = Path(merges_file).read_text(encoding="utf-8").split("\n")[:-1]
        self.bpe_ranks = {tuple(line.split()[:2]): rank for rank, line in enumerate(lines)}
        self.bpe = lru_cache(maxsize=65536)(self._merged)
        roles = {"unk_token": unk_token, "bos_token": bos_token, "eos_token": eos_token}
        super().__init__(**roles, sep_token=sep_token, pad_token=pad_token, **options)

    @property
    def vocab_size(self) -> int:
        """Tokens without the added ones."""
        return len(self.encoder)

    def get_vocab(self) -> dict[str, int]:
        """Token -> id, with the added ones."""
        return {**self.encoder, **self._added_tokens_encoder}

    def _tokenize(self, text: str) -> list[str]:
        words = self._words.tokenize(text, aggressive_dash_splits=True, return_str=False, escape=True)
        return [token for word in words if word for token in self.bpe(word)]

    def _merged(self, word: str) -> list[str]:
        """The tokens of a word: neighbours are merged by the first rule that fits any, until none does."""
        parts = [*word[:-1], word[-1] + END]
        while len(parts) > 1:
            pairs = set(pairwise(parts))
            pair = min(pairs, key=lambda each: self.bpe_ranks.get(each, math.inf))
            if pair not in self.bpe_ranks:
                break
            merged: list[str] = []
            place = 0
            while place < len(parts):
                fits = tuple(parts[place : place + 2]) == pair
                merged.append("".join(pair) if fits else parts[place])
                place += 1 + fits
            parts = merged
        return parts

    def _convert_token_to_id(self, token: str) -> int:
        return self.encoder.get(token, self.encoder[str(self.unk_token)])

    def _convert_id_to_token(self, index: int) -> str:
        return self.decoder.get(index, str(self.unk_token))

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens, with spaces and punctuation as Moses puts them."""
        words = "".join(token.replace(" ", "").replace(END, " ") for token in tokens).split()
        text: str = self._text.detokenize(words)
        return text

    def build_inputs_with_special_tokens(self, token_ids_0: list[int], token_ids_1: list[int] | None = None) -> list[int]:
        """`</s>` before each text."""
        sep: Any = self.sep_token_id
        return [sep, *token_ids_0] if token_ids_1 is None else [sep, *token_ids_0, sep, *token_ids_1]

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write `vocab.json` and `merges.txt`; returns the paths."""
        folder, prefix = Path(save_directory), f"{filename_prefix}-" if filename_prefix else ""
        vocab, merges = (folder / f"{prefix}{name}" for name in self.vocab_files_names.values())
        vocab.write_text(json.dumps(self.encoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        merges.write_text("".join(f"{' '.join(pair)}\n" for pair in self.bpe_ranks), encoding="utf-8")
        return str(vocab), str(merges)


def _vocabulary(path: str) -> dict[str, int]:
    """Token -> id, from a JSON file.

    Raises:
        CorruptFile: it holds something else.
    """
    try:
        table = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise CorruptFile(f"{path} is no JSON file: {error}") from error
    if not isinstance(table, dict) or not all(isinstance(index, int) for index in table.values()):
        raise CorruptFile(f"{path} is no table of tokens; expected {{token: id}}")
    return table
