"""M2M-100's tokenizer: sentencepiece's pieces under the numbers of a table, behind them languages, of which one comes first."""

import copy
import os
from pathlib import Path
from typing import Any, ClassVar, Self

from ...core.errors import ArgumentError
from ...preprocess.text.language_marks import MarksLanguages
from ...preprocess.text.python_tokenizer import PythonBackend
from ...preprocess.text.sentence_pieces import SentencePieces
from ...preprocess.text.special_tokens import EXTRA, OLDER_EXTRA, with_extra
from ...preprocess.text.token_table import read_table, write_table

# Languages of ISO 639 by the name of the task, in the order of their ids.
_CODES = {
    "m2m100": """
af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu hy id ig
ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru sd si sk sl so
sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu
""",
    "wmt21": "en ha is ja cs ru zh de",
}


class M2M100Tokenizer(PythonBackend, MarksLanguages):
    """Opens `vocab.json` with `sentencepiece.bpe.model`. A text stands between the token of its language and `</s>`.

    Options: `src_lang`, `tgt_lang`; `language_codes`, which languages there are: "m2m100" or "wmt21".
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.json",
        "spm_file": "sentencepiece.bpe.model",
    }
    usual_language = "en"
    defaults: ClassVar[dict[str, Any]] = {
        "src_lang": None,
        "tgt_lang": None,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "language_codes": "m2m100",
        "sp_model_kwargs": None,
        "num_madeup_words": 8,
    }

    def __init__(self, vocab_file: str | os.PathLike[str], spm_file: str | os.PathLike[str], **options: Any) -> None:
        options = {**self.defaults, **options}
        if options["language_codes"] not in [*_CODES]:
            raise ArgumentError(f"language_codes is {options['language_codes']!r:.60}; expected one of {', '.join(_CODES)}")
        self.encoder, self._pieces = read_table(vocab_file), SentencePieces(spm_file, options["sp_model_kwargs"])
        self._tokens = {index: token for token, index in self.encoder.items()}
        self.languages = tuple(_CODES[options["language_codes"]].split())
        marks = {self.get_lang_token(code): len(self.encoder) + place for place, code in enumerate(self.languages)}
        self.lang_token_to_id, self.id_to_lang_token = marks, {index: token for token, index in marks.items()}
        older = options.pop(OLDER_EXTRA, None)
        options = with_extra({**options, EXTRA: older or options.get(EXTRA)}, marks)
        options[EXTRA] = list(dict.fromkeys(map(str, options[EXTRA])))
        super().__init__(**{**options, "special_tokens_pattern": "prefix_suffix"})
        self._mark(self.src_lang)
        self.tgt_lang = self.tgt_lang  # known, or refused

    @property
    def vocab_size(self) -> int:
        return len(self.encoder)

    def get_vocab(self) -> dict[str, int]:
        return {**self.encoder, **self.added_tokens_encoder}

    def get_lang_token(self, lang: str) -> str:
        return f"__{lang}__"

    def get_lang_id(self, lang: str) -> int:
        """The id of a language's token; see `language_id`."""
        return self.language_id(lang)

    def _mark(self, language: str) -> None:
        self.prefix_tokens, self.suffix_tokens = [self.language_id(language)], [self.convert_tokens_to_ids(self.eos_token)]

    def for_language(self, language: str) -> Self:
        tokenizer = copy.copy(self)
        tokenizer._mark(language)
        return tokenizer

    def _tokenize(self, text: str) -> list[str]:
        return self._pieces.encode(text)

    def _convert_token_to_id(self, token: str) -> int:
        index = self.lang_token_to_id.get(token)
        return self.encoder.get(token, self.encoder.get(str(self.unk_token), 0)) if index is None else index

    def _convert_id_to_token(self, index: int) -> str:
        return self.id_to_lang_token.get(index) or self._tokens.get(index, str(self.unk_token))

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens; special ones stand as they are."""
        special, text, pieces = set(self.all_special_tokens), "", list[str]()
        for token in tokens:
            if token in special:
                text, pieces = text + self._pieces.decode(pieces) + token, []
            else:
                pieces.append(token)
        return (text + self._pieces.decode(pieces)).strip()

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write both files; returns their paths."""
        start = f"{filename_prefix}-" if filename_prefix else ""
        table, spm = (Path(save_directory, f"{start}{name}") for name in self.vocab_files_names.values())
        spm.write_bytes(self._pieces.data)
        return write_table(self.encoder, table), str(spm)
