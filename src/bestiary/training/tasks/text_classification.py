"""Classes, or a number, for a text or a pair of texts (the tasks of GLUE among them)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.argument_parser import HfArg
from ...core.errors import ArgumentError
from ..benchmark_datasets.glue import glue_compute_metrics, glue_processors
from ..collators.padding import DataCollatorWithPadding
from ..data_files import Rows
from ..evaluation import EvalPrediction
from ..metrics.classification import pearson_and_spearman, simple_accuracy
from ..task import Features, Metrics, Task, checked_label, column_of, column_texts, label_number, labels_of

TASK = "TextClassification"


@dataclass
class TextClassification(Task):
    """A text, or two, and its label; a label that is a number with a point makes it a regression."""

    model_class: ClassVar[str] = "AutoModelForSequenceClassification"
    best_metric: ClassVar[str] = "accuracy"

    task_name: str | None = HfArg(default=None, help=f"A task of GLUE, for its metrics: {', '.join(glue_processors)}")
    text_column_name: str | None = HfArg(default=None, help="By default sentence, sentence1, text, premise or question")
    text_pair_column_name: str | None = HfArg(default=None, help="The second text; by default sentence2, hypothesis or none")
    label_column_name: str = HfArg(default="label", help="The column of labels")
    max_seq_length: int = HfArg(default=128, help="Tokens; more are cut")
    pad_to_max_length: bool = HfArg(default=False, help="Fill all rows to that length, rather than to the longest of a batch")

    def config_values(self, rows: Rows | None) -> dict[str, Any]:
        """Labels, or one number."""
        if not rows:
            return {}
        labels = column_of(rows, self.label_column_name, (), "labels")
        if any(isinstance(row[labels], float) for row in rows) or self.task_name == "sts-b":
            for number, row in enumerate(rows, 1):
                checked_label(row.get(labels), labels, f"row {number}")
            return {"num_labels": 1, "problem_type": "regression"}
        return labels_of(rows, labels)

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Tokens and `label`."""
        first = column_of(
            rows, self.text_column_name, ("sentence", "sentence1", "text", "premise", "question1", "question"), "texts"
        )
        pairs = {"sentence1": "sentence2", "premise": "hypothesis", "question1": "question2", "question": "sentence"}
        second = self.text_pair_column_name or pairs.get(first, "")
        if self.text_pair_column_name is not None and second not in rows[0]:
            raise ArgumentError(f"no column {second!r:.60} for the second text; there are: {', '.join(rows[0])}")
        texts = [column_texts(rows, name) for name in (first, second) if name in rows[0]]
        padding = "max_length" if self.pad_to_max_length else False
        encoded = preprocessor(*texts, truncation=True, max_length=self.max_seq_length, padding=padding)
        features = [{name: column[place] for name, column in encoded.items()} for place in range(len(rows))]
        if self.label_column_name in rows[0]:
            name, regression = self.label_column_name, config.num_labels == 1
            for number, (feature, row) in enumerate(zip(features, rows, strict=True), 1):
                label = checked_label(row.get(name), name, f"row {number}")
                feature["label"] = _score(label, name, number) if regression else label_number(row, name, config)
        return features

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """Pads to the longest row."""
        return DataCollatorWithPadding(preprocessor)

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """Those of the task of GLUE; else accuracy, or for a regression the mean squared error and both correlations."""

        def metrics(prediction: EvalPrediction) -> dict[str, float]:
            logits = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
            labels = np.asarray(prediction.label_ids)
            predicted = logits.squeeze(-1) if config.num_labels == 1 else logits.argmax(-1)
            if self.task_name is not None:
                return glue_compute_metrics(self.task_name, predicted, labels)
            if config.num_labels == 1:
                return {"mse": float(np.mean((predicted - labels) ** 2)), **pearson_and_spearman(predicted, labels)}
            return {"accuracy": simple_accuracy(predicted, labels)}

        return metrics


def _score(label: Any, name: str, number: int) -> float:
    try:
        return float(label)
    except ValueError as error:
        raise ArgumentError(f"row {number} has {label!r:.60} in {name!r}; expected a number: this is a regression") from error
