"""What an image shows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.argument_parser import HfArg
from ...preprocess.image.reading import load_image
from ..collators.default import default_data_collator
from ..data_files import Rows
from ..evaluation import EvalPrediction
from ..metrics.classification import simple_accuracy
from ..task import Features, Metrics, Task, column_of, label_number, labels_of

TASK = "ImageClassification"


@dataclass
class ImageClassification(Task):
    """Images, as paths, and their labels: a folder for each label, for example."""

    model_class: ClassVar[str] = "AutoModelForImageClassification"
    preprocessor_class: ClassVar[str] = "AutoImageProcessor"
    best_metric: ClassVar[str] = "accuracy"

    image_column_name: str = HfArg(default="image", help="The column of paths, or of images")
    label_column_name: str = HfArg(default="label", help="That of labels")

    def config_values(self, rows: Rows | None) -> dict[str, Any]:
        """The labels."""
        if not rows:
            return {}
        return labels_of(rows, column_of(rows, self.label_column_name, (), "labels"))

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Pixels and `labels`; an image is read when its row is asked for, so that memory does not fill with them."""
        column_of(rows, self.image_column_name, (), "images")
        labelled = self.label_column_name in rows[0]
        labels = [label_number(row, self.label_column_name, config) for row in rows] if labelled else None
        return _Images([row[self.image_column_name] for row in rows], labels, preprocessor)

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """All images are of one size by then."""
        return default_data_collator

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """Accuracy."""

        def metrics(prediction: EvalPrediction) -> dict[str, float]:
            return {"accuracy": simple_accuracy(np.asarray(prediction.predictions).argmax(-1), prediction.label_ids)}

        return metrics


class _Images(Sequence[dict[str, Any]]):
    def __init__(self, images: list[Any], labels: list[int] | None, processor: Any) -> None:
        self._images, self._labels, self._processor = images, labels, processor

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            labels = None if self._labels is None else self._labels[place]
            return _Images(self._images[place], labels, self._processor)
        pixels = self._processor(load_image(self._images[place]).convert("RGB"), return_tensors="pt")["pixel_values"][0]
        return {"pixel_values": pixels, **({} if self._labels is None else {"labels": self._labels[place]})}
