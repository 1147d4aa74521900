"""Marian's tokenizer: sentencepiece's pieces, those of the source by one model, those of the target by another."""

import copy
import os
from pathlib import Path
from typing import Any, ClassVar, Self

from ...core.errors import ConfigError, InputError
from ...preprocess.text.python_tokenizer import PythonBackend
from ...preprocess.text.sentence_pieces import SentencePieces
from ...preprocess.text.token_table import read_table, write_table


class MarianTokenizer(PythonBackend):
    """Opens `source.spm`, `target.spm` and `vocab.json`. Texts end with `</s>`; `text_target` is split by the target's model.

    A text may begin with the language that a model of several is to write, such as `>>fra<<`.

    Options: `source_lang`, `target_lang`, which say what the model translates; `separate_vocabs` (True: the target's ids are
    those of `target_vocab.json`).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "source_spm": "source.spm",
        "target_spm": "target.spm",
        "vocab": "vocab.json",
        "target_vocab_file": "target_vocab.json",
    }
    defaults: ClassVar[dict[str, Any]] = {
        "source_lang": None,
        "target_lang": None,
        "unk_token": "<unk>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "model_max_length": 512,
        "sp_model_kwargs": None,
        "separate_vocabs": False,
    }

    def __init__(
        self,
        source_spm: str | os.PathLike[str],
        target_spm: str | os.PathLike[str],
        vocab: str | os.PathLike[str],
        target_vocab_file: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        options = {**self.defaults, **options}
        self.source_lang, self.target_lang = options["source_lang"], options["target_lang"]
        self.separate_vocabs: bool = options["separate_vocabs"]
        self.encoder = self.target_encoder = read_table(vocab)
        if self.separate_vocabs:
            if target_vocab_file is None:
                raise InputError("separate_vocabs is true, and there is no target_vocab.json; pass target_vocab_file=")
            self.target_encoder = read_table(target_vocab_file)
        self._source, self._target = (SentencePieces(spm, options["sp_model_kwargs"]) for spm in (source_spm, target_spm))
        self._tokens = {index: token for token, index in self.target_encoder.items()}
        self._targets, self._reads_source = False, not self.separate_vocabs
        for table in (self.encoder, self.target_encoder):
            if str(options["unk_token"]) not in table:
                raise ConfigError(f"the vocabulary lacks the unknown token {str(options['unk_token'])!r}")
        super().__init__(**{**options, "special_tokens_pattern": "prefix_suffix"})
        self.suffix_tokens = [self.convert_tokens_to_ids(self.eos_token)]

    @property
    def vocab_size(self) -> int:
        return len(self.encoder)

    @property
    def supported_language_codes(self) -> list[str]:
        """The languages, such as `>>fra<<`, with which a text may begin."""
        codes = [token for token in self.encoder if token.startswith(">>") and token.endswith("<<")]
        return [] if self.separate_vocabs else codes

    def get_vocab(self) -> dict[str, int]:
        return {**self.encoder, **self.added_tokens_encoder}

    get_src_vocab = get_vocab

    def get_tgt_vocab(self) -> dict[str, int]:
        """Token of the target -> id."""
        return {**self.target_encoder, **self.added_tokens_encoder}

    def for_targets(self) -> Self:
        tokenizer = copy.copy(self)
        tokenizer._targets = True
        return tokenizer

    def remove_language_code(self, text: str) -> tuple[list[str], str]:
        """The language, such as `>>fra<<`, with which a text begins, if it does, and the rest."""
        end = text.find("<<") + 2
        return ([text[:end]], text[end:]) if text.startswith(">>") and end > 1 else ([], text)

    def _tokenize(self, text: str) -> list[str]:
        code, text = self.remove_language_code(text)
        return code + (self._target if self._targets else self._source).encode(text)

    def _convert_token_to_id(self, token: str) -> int:
        table = self.target_encoder if self._targets else self.encoder
        return table.get(token, table[str(self.unk_token)])

    def _convert_id_to_token(self, index: int) -> str:
        pieces = (self._source if self._reads_source else self._target).pieces  # what is in no table is one of these
        return self._tokens.get(index) or (pieces[index] if index < len(pieces) else str(self.unk_token))

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens; special ones stand as they are, with a space behind."""
        model = self._source if self._reads_source else self._target
        special, text, pieces = set(self.all_special_tokens), "", list[str]()
        for token in tokens:
            if token in special:
                text, pieces = f"{text}{model.decode(pieces)}{token} ", []
            else:
                pieces.append(token)
        return (text + model.decode(pieces)).replace("▁", " ").strip()

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool = False,
        *,
        use_source_tokenizer: bool | None = None,
    ) -> Any:
        """As in every tokenizer.

        Args:
            use_source_tokenizer: whether the source's model joins the pieces; None: where there is one vocabulary.
        """
        if use_source_tokenizer not in (None, self._reads_source):
            self = copy.copy(self)
            self._reads_source = bool(use_source_tokenizer)
        return super().decode(token_ids, skip_special_tokens, clean_up_tokenization_spaces, spaces_between_special_tokens)

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the files that the constructor takes; returns their paths."""
        start = f"{filename_prefix}-" if filename_prefix else ""
        source, target, vocab, target_vocab = (
            Path(save_directory, f"{start}{name}") for name in self.vocab_files_names.values()
        )
        tables = {vocab: self.encoder} | ({target_vocab: self.target_encoder} if self.separate_vocabs else {})
        for path, pieces in ((source, self._source), (target, self._target)):
            path.write_bytes(pieces.data)
        return *(write_table(table, path) for path, table in tables.items()), str(source), str(target)
