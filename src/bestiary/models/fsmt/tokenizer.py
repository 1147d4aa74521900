"""FSMT's tokenizer: words as Moses splits them, then byte pairs of characters; source and target have a vocabulary each."""

from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError
from ...preprocess.text.moses import Moses
from ...preprocess.text.python_tokenizer import PythonBackend
from ...preprocess.text.token_table import id_in, read_table, write_table
from ...preprocess.text.word_merges import WordMerges


class FSMTTokenizer(PythonBackend):
    """Opens `vocab-src.json`, `vocab-tgt.json` and `merges.txt`; needs the package sacremoses. Texts end with `</s>`.

    Texts become ids of the source's vocabulary, ids become texts by the target's.

    Args:
        langs: the source's and the target's language, such as ["en", "ru"].
        do_lower_case: whether texts are lowercased.
    """

    vocab_files_names = {
        "src_vocab_file": "vocab-src.json",
        "tgt_vocab_file": "vocab-tgt.json",
        "merges_file": "merges.txt",
    }
    model_input_names = ["input_ids", "attention_mask"]

    def __init__(
        self,
        langs: list[str] | None = None,
        src_vocab_file: str | None = None,
        tgt_vocab_file: str | None = None,
        merges_file: str | None = None,
        do_lower_case: bool = False,
        unk_token: str = "<unk>",
        bos_token: str = "<s>",
        sep_token: str = "</s>",
        pad_token: str = "<pad>",
        **options: Any,
    ) -> None:
        if not isinstance(langs, list | tuple) or len(langs) != 2:
            raise ArgumentError(f"langs is {langs!r:.80}; expected the source's and the target's language: ['en', 'ru']")
        if src_vocab_file is None or tgt_vocab_file is None or merges_file is None:
            raise ArgumentError("FSMTTokenizer reads three files; pass src_vocab_file=, tgt_vocab_file= and merges_file=")
        self.src_lang, self.tgt_lang = langs
        self.do_lower_case = do_lower_case
        self._source, self._target = (Moses(language, "FSMTTokenizer") for language in langs)
        self.encoder = read_table(src_vocab_file)
        self.decoder = {index: token for token, index in read_table(tgt_vocab_file).items()}
        self._merges = WordMerges(merges_file)
        self.bpe_ranks = self._merges.ranks
        roles = {"unk_token": unk_token, "bos_token": bos_token, "sep_token": sep_token, "pad_token": pad_token}
        super().__init__(langs=list(langs), do_lower_case=do_lower_case, **roles, **options)

    @property
    def vocab_size(self) -> int:
        """Words of the source without the added ones."""
        return len(self.encoder)

    src_vocab_size = vocab_size

    @property
    def tgt_vocab_size(self) -> int:
        """Words of the target without the added ones."""
        return len(self.decoder)

    def get_vocab(self) -> dict[str, int]:
        """Token of the source -> id, with the added ones."""
        return {**self.encoder, **self._added_tokens_encoder}

    get_src_vocab = get_vocab

    def get_tgt_vocab(self) -> dict[str, int]:
        """Token of the target -> id, with the added ones."""
        return {**{token: index for index, token in self.decoder.items()}, **self._added_tokens_encoder}

    def _tokenize(self, text: str) -> list[str]:
        text = self._source.clean(text.lower() if self.do_lower_case else text)
        return [token for word in self._source.split(text) for token in self._merges.split(word)]

    def _convert_token_to_id(self, token: str) -> int:
        return id_in(self.encoder, token, self.unk_token, self._added_tokens_encoder)

    def _convert_id_to_token(self, index: int) -> str:
        return self.decoder.get(index, str(self.unk_token))

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens, with spaces and punctuation as the target's language puts them."""
        return self._target.join(self._merges.words(tokens))

    def build_inputs_with_special_tokens(self, token_ids_0: list[int], token_ids_1: list[int] | None = None) -> list[int]:
        """`</s>` behind each text."""
        sep: Any = self.sep_token_id
        return [*token_ids_0, sep] if token_ids_1 is None else [*token_ids_0, sep, *token_ids_1, sep]

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write `vocab-src.json`, `vocab-tgt.json` and `merges.txt`; returns the paths."""
        folder, prefix = Path(save_directory), f"{filename_prefix}-" if filename_prefix else ""
        source, target, merges = (folder / f"{prefix}{name}" for name in self.vocab_files_names.values())
        words = {token: index for index, token in self.decoder.items()}
        return write_table(self.encoder, source), write_table(words, target), self._merges.write(merges)
