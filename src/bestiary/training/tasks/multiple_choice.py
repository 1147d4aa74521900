"""Which of several endings, or answers, goes with a text (SWAG, RACE)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.argument_parser import HfArg
from ...core.errors import ArgumentError
from ..collators.multiple_choice import DataCollatorForMultipleChoice
from ..data_files import Row, Rows
from ..evaluation import EvalPrediction
from ..metrics.classification import simple_accuracy
from ..task import Features, Metrics, Task, column_of, column_texts

TASK = "MultipleChoice"


@dataclass
class MultipleChoice(Task):
    """A context, the beginning of what follows, and several endings, `ending0`, `ending1`, ... or a list in `endings`."""

    model_class: ClassVar[str] = "AutoModelForMultipleChoice"
    best_metric: ClassVar[str] = "accuracy"

    context_column_name: str | None = HfArg(default=None, help="By default sent1, context or article")
    question_column_name: str | None = HfArg(default=None, help="What each ending goes on from; by default sent2 or question")
    label_column_name: str = HfArg(default="label", help="The column with the number of the right one")
    max_seq_length: int | None = HfArg(default=None, help="Tokens; more are cut")

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Of each column of tokens a list for every choice, and `label`."""
        context = column_of(rows, self.context_column_name, ("sent1", "context", "article"), "contexts")
        question = column_of(rows, self.question_column_name, ("sent2", "question"), "questions")
        endings = [_endings(row) for row in rows]
        firsts = [text for text, several in zip(column_texts(rows, context), endings, strict=True) for _ in several]
        seconds = [f"{row[question]} {end}" for row, several in zip(rows, endings, strict=True) for end in several]
        encoded = preprocessor(firsts, seconds, truncation=True, max_length=self.max_seq_length)
        features, start = [], 0
        for row, several in zip(rows, endings, strict=True):
            feature = {name: column[start : start + len(several)] for name, column in encoded.items()}
            start += len(several)
            if self.label_column_name in row:
                feature["label"] = int(row[self.label_column_name])
            features.append(feature)
        return features

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """Pads all choices of all rows to the longest."""
        return DataCollatorForMultipleChoice(preprocessor)

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """Accuracy."""

        def metrics(prediction: EvalPrediction) -> dict[str, float]:
            return {"accuracy": simple_accuracy(np.asarray(prediction.predictions).argmax(-1), prediction.label_ids)}

        return metrics


def _endings(row: Row) -> list[str]:
    if "endings" in row:
        return list(row["endings"])
    endings = [row[name] for name in sorted(row) if name.removeprefix("ending").isdigit() and name.startswith("ending")]
    if not endings:
        raise ArgumentError(f"no column 'endings' or 'ending0' in the rows; there are: {', '.join(row)}")
    return endings
