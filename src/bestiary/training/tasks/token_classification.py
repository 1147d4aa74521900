"""A label for each word of a text: names, parts of speech."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.argument_parser import HfArg
from ..collators.token_classification import DataCollatorForTokenClassification
from ..data_files import Rows
from ..evaluation import EvalPrediction
from ..metrics.labelled_spans import span_scores
from ..task import Features, Metrics, Task, column_of, label_number, labels_of

TASK = "TokenClassification"
_WORDS, _LABELS = ("tokens", "words"), ("ner_tags", "tags", "labels", "pos_tags")


@dataclass
class TokenClassification(Task):
    """Words, and as many labels."""

    model_class: ClassVar[str] = "AutoModelForTokenClassification"
    best_metric: ClassVar[str] = "f1"

    text_column_name: str | None = HfArg(default=None, help="The column of lists of words; by default tokens or words")
    label_column_name: str | None = HfArg(default=None, help="That of their labels; by default ner_tags, tags or labels")
    max_seq_length: int | None = HfArg(default=None, help="Tokens; more are cut; by default as many as the tokenizer says")
    label_all_tokens: bool = HfArg(default=False, help="Label all tokens of a word, not the first alone; I- after B-")

    def config_values(self, rows: Rows | None) -> dict[str, Any]:
        """The labels."""
        if not rows:
            return {}
        labels = column_of(rows, self.label_column_name, _LABELS, "labels")
        return labels_of([{labels: label} for row in rows for label in row[labels]], labels)

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Tokens and `labels`: of a word's first token the word's, -100 for others and for special tokens."""
        words = column_of(rows, self.text_column_name, _WORDS, "words")
        labels = column_of(rows, self.label_column_name, _LABELS, "labels")
        encoded = preprocessor(
            [row[words] for row in rows], is_split_into_words=True, truncation=True, max_length=self.max_seq_length
        )
        features = []
        for place, row in enumerate(rows):
            numbers = [label_number({"label": label}, "label", config) for label in row[labels]]
            aligned, before = [], None
            for word in encoded.word_ids(place):
                if word is None:
                    aligned.append(-100)
                elif word != before:
                    aligned.append(numbers[word])
                else:
                    aligned.append(_inside(numbers[word], config) if self.label_all_tokens else -100)
                before = word
            features.append({name: column[place] for name, column in encoded.items()} | {"labels": aligned})
        return features

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """Pads tokens, and labels with -100."""
        return DataCollatorForTokenClassification(preprocessor)

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """Precision, recall and F1 of whole entities, and the accuracy of labels."""

        def metrics(prediction: EvalPrediction) -> dict[str, float]:
            labels = np.asarray(prediction.label_ids)
            best = np.asarray(prediction.predictions).argmax(-1)
            counts = labels != -100
            predicted, right = (
                [[config.id2label[int(number)] for number in row[counted]] for row, counted in zip(side, counts, strict=True)]
                for side in (best, labels)
            )
            return span_scores(predicted, right)

        return metrics


def _inside(label: int, config: Any) -> int:
    """The label of the rest of a word: I-X after B-X, where there is one."""
    name = str(config.id2label[label])
    return int(config.label2id.get(f"I-{name[2:]}", label)) if name.startswith("B-") else label
