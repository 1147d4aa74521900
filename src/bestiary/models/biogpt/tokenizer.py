"""BioGPT's tokenizer: words as Moses splits them (Koehn et al. 2007), then byte pairs of characters."""

from pathlib import Path
from typing import Any

from ...preprocess.text.moses import Moses
from ...preprocess.text.python_tokenizer import PythonBackend
from ...preprocess.text.token_table import id_in, read_table, write_table
from ...preprocess.text.word_merges import WordMerges


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
        self._moses = Moses("en", "BioGptTokenizer")
        self.encoder = read_table(vocab_file)
        self.decoder = {index: token for token, index in self.encoder.items()}
        self._merges = WordMerges(merges_file)
        self.bpe_ranks, self.bpe = self._merges.ranks, self._merges.split
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
        return [token for word in self._moses.split(text) for token in self.bpe(word)]

    def _convert_token_to_id(self, token: str) -> int:
        return id_in(self.encoder, token, self.unk_token, self._added_tokens_encoder)

    def _convert_id_to_token(self, index: int) -> str:
        return self.decoder.get(index, str(self.unk_token))

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens, with spaces and punctuation as Moses puts them."""
        return self._moses.join(self._merges.words(tokens))

    def build_inputs_with_special_tokens(self, token_ids_0: list[int], token_ids_1: list[int] | None = None) -> list[int]:
        """`</s>` before each text."""
        sep: Any = self.sep_token_id
        return [sep, *token_ids_0] if token_ids_1 is None else [sep, *token_ids_0, sep, *token_ids_1]

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write `vocab.json` and `merges.txt`; returns the paths."""
        folder, prefix = Path(save_directory), f"{filename_prefix}-" if filename_prefix else ""
        vocab, merges = (folder / f"{prefix}{name}" for name in self.vocab_files_names.values())
        return write_table(self.encoder, vocab), self._merges.write(merges)
