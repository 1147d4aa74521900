"""Vectors of texts, such that those that go together lie near each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from ...core.argument_parser import HfArg
from ..collators.multiple_choice import DataCollatorForMultipleChoice
from ..contrastive import mean_pooled, multiple_negatives_ranking_loss
from ..data_files import Rows
from ..evaluation import EvalPrediction
from ..task import Features, Metrics, Task, column_of, column_texts

TASK = "SentenceSimilarity"


@dataclass
class SentenceSimilarity(Task):
    """Pairs of texts that go together, or such pairs with a text each that does not."""

    model_class: ClassVar[str] = "AutoModel"
    best_metric: ClassVar[str] = "recall_at_1"
    has_loss: ClassVar[bool] = True

    anchor_column: str | None = HfArg(default=None, help="By default anchor, query, question, sentence1")
    positive_column: str | None = HfArg(default=None, help="What goes with it; by default positive, answer, passage, sentence2")
    negative_column: str = HfArg(default="negative", help="What does not, where the rows have that column")
    max_seq_length: int = HfArg(default=128, help="Tokens; more are cut")
    scale: float = HfArg(default=20.0, help="Of similarities, before the softmax over all pairs")

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Of each column of tokens a list for the two or three texts, and as `label` the number of the row: its positive's."""
        columns = [
            column_of(rows, self.anchor_column, ("anchor", "query", "question", "sentence1"), "anchors"),
            column_of(rows, self.positive_column, ("positive", "answer", "passage", "sentence2"), "positives"),
            *([self.negative_column] if self.negative_column in rows[0] else []),
        ]
        texts = [text for row in zip(*(column_texts(rows, name) for name in columns), strict=True) for text in row]
        encoded = preprocessor(texts, truncation=True, max_length=self.max_seq_length)
        width = len(columns)
        return [
            {name: column[place * width : (place + 1) * width] for name, column in encoded.items()} | {"label": place}
            for place in range(len(rows))
        ]

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """Columns become (B, texts, T)."""
        return DataCollatorForMultipleChoice(preprocessor)

    def loss(self, model: Any, inputs: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, and `vectors` (B, texts, D) of its texts."""
        inputs = {name: value for name, value in inputs.items() if name != "labels"}
        shape = inputs["input_ids"].shape[:2]
        states = model(**{name: value.flatten(0, 1) for name, value in inputs.items()})[0]
        vectors = mean_pooled(states, inputs["attention_mask"].flatten(0, 1)).unflatten(0, shape)
        parts = vectors.unbind(1)
        loss = multiple_negatives_ranking_loss(parts[0], parts[1], parts[2] if len(parts) > 2 else None, self.scale)
        return loss, {"loss": loss, "vectors": vectors}

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """How many anchors are nearer to their positive than to those of all other rows."""

        def metrics(prediction: EvalPrediction) -> dict[str, float]:
            vectors = np.asarray(prediction.predictions)
            vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
            nearest = (vectors[:, 0] @ vectors[:, 1].T).argmax(1)
            return {"recall_at_1": float(np.mean(nearest == np.asarray(prediction.label_ids)))}

        return metrics
