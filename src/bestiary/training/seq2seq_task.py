"""Tasks whose answer is a text that is written: what summaries and translations have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.argument_parser import HfArg
from .collators.seq2seq import DataCollatorForSeq2Seq
from .data_files import Row, Rows
from .evaluation import EvalPrediction
from .task import Features, Metrics, Task, column_texts


@dataclass
class Seq2SeqTask(Task):
    """A text, and the one to be written."""

    model_class: ClassVar[str] = "AutoModelForSeq2SeqLM"
    generates: ClassVar[bool] = True

    source_prefix: str = HfArg(default="", help="Put before each text, as T5 was trained with")
    max_source_length: int = HfArg(default=1024, help="Tokens of a text; more are cut")
    max_target_length: int = HfArg(default=128, help="Tokens of what is written; more are cut")
    ignore_pad_token_for_loss: bool = HfArg(default=True, help="Count no loss where labels are filled up")

    def texts(self, rows: Rows) -> tuple[list[str], list[str] | None]:
        """The texts, and those to be written, if they are there."""
        raise NotImplementedError(f"{type(self).__name__} does not say which texts it takes; override texts")

    def score(self, found: Sequence[str], right: Sequence[str]) -> dict[str, float]:
        """What written texts are worth."""
        raise NotImplementedError(f"{type(self).__name__} has no metrics; override score")

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Tokens, and `labels`."""
        sources, targets = self.texts(rows)
        encoded = preprocessor(
            [self.source_prefix + text for text in sources], truncation=True, max_length=self.max_source_length
        )
        features = [{name: column[place] for name, column in encoded.items()} for place in range(len(rows))]
        if targets is not None:
            labels = preprocessor(text_target=targets, truncation=True, max_length=self.max_target_length)["input_ids"]
            for feature, ids in zip(features, labels, strict=True):
                feature["labels"] = ids
        return features

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """Pads texts and labels, each by themselves."""
        filler = -100 if self.ignore_pad_token_for_loss else preprocessor.pad_token_id
        return DataCollatorForSeq2Seq(preprocessor, model=model, label_pad_token_id=filler)

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """`score` of what was generated, and `gen_len`, the mean of its tokens."""

        def metrics(prediction: EvalPrediction) -> dict[str, float]:
            ids = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
            pad = preprocessor.pad_token_id
            predicted, right = (
                preprocessor.batch_decode(np.where(side < 0, pad, side), skip_special_tokens=True)
                for side in (np.asarray(ids), np.asarray(prediction.label_ids))
            )
            length = np.mean(np.sum((np.asarray(ids) != pad) & (np.asarray(ids) >= 0), axis=1))
            texts = [[text.strip() for text in side] for side in (predicted, right)]
            return {**self.score(*texts), "gen_len": float(length)}

        return metrics


def column(rows: Sequence[Row], name: str) -> list[str] | None:
    """A column of texts, None where it is not there."""
    return column_texts(rows, name) if name in rows[0] else None
