"""Summaries of texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ...core.argument_parser import HfArg
from ..data_files import Rows
from ..metrics.rouge import rouge
from ..seq2seq_task import Seq2SeqTask, column
from ..task import column_of, column_texts

TASK = "Summarization"
_TEXTS, _SUMMARIES = ("text", "document", "article", "dialogue"), ("summary", "highlights", "target")


@dataclass
class Summarization(Seq2SeqTask):
    """A text, and its summary."""

    best_metric: ClassVar[str] = "rougeL"

    text_column: str | None = HfArg(default=None, help="By default text, document, article or dialogue")
    summary_column: str | None = HfArg(default=None, help="By default summary, highlights or target")

    def texts(self, rows: Rows) -> tuple[list[str], list[str] | None]:
        """Texts and summaries."""
        name = column_of(rows, self.text_column, _TEXTS, "texts")
        there = self.summary_column or next((each for each in _SUMMARIES if each in rows[0]), "")
        return column_texts(rows, name), column(rows, there)

    def score(self, found: Sequence[str], right: Sequence[str]) -> dict[str, float]:
        """ROUGE, 0..100, a line being a sentence."""
        return {name: 100 * value for name, value in rouge(found, right).items()}
