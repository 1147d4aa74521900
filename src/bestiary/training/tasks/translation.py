"""Translations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ...core.argument_parser import HfArg
from ...core.errors import ArgumentError
from ..data_files import Rows
from ..metrics.bleu import bleu
from ..seq2seq_task import Seq2SeqTask, column
from ..task import Features, column_of, column_texts

TASK = "Translation"


@dataclass
class Translation(Seq2SeqTask):
    """A text in two languages: columns named by them, or a table of both in `translation`.

    Raises:
        ArgumentError: a language is not named.
    """

    best_metric: ClassVar[str] = "bleu"

    source_lang: str = HfArg(default="", help="The language to translate from: en, en_XX, eng_Latn, ... as the data has it")
    target_lang: str = HfArg(default="", help="That to translate to")

    def __post_init__(self) -> None:
        if not self.source_lang or not self.target_lang:
            raise ArgumentError("translation needs source_lang and target_lang, as in --source_lang en --target_lang ro")

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Tokens and labels; a tokenizer of many languages is told both."""
        if hasattr(preprocessor, "src_lang"):  # any tokenizer
            preprocessor.src_lang, preprocessor.tgt_lang = self.source_lang, self.target_lang
        return super().features(rows, preprocessor, config, training)

    def texts(self, rows: Rows) -> tuple[list[str], list[str] | None]:
        """Texts in both languages. A longer name, as in en_XX, also finds the column en."""
        rows = [row["translation"] for row in rows] if "translation" in rows[0] else rows
        source, target = (lang if lang in rows[0] else lang.partition("_")[0] for lang in (self.source_lang, self.target_lang))
        return column_texts(rows, column_of(rows, source, (), "texts")), column(rows, target)

    def score(self, found: Sequence[str], right: Sequence[str]) -> dict[str, float]:
        """BLEU, 0..100."""
        return {"bleu": bleu(found, right)}
