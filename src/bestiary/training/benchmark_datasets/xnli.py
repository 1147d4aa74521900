"""XNLI (Conneau 2018): whether a sentence follows from another, in 15 languages."""

from pathlib import Path
from typing import Any

from ..metrics.classification import pair, simple_accuracy
from .examples import DataProcessor, InputExample


class XnliProcessor(DataProcessor):
    """Reads `XNLI-MT-1.0` for training and `XNLI-1.0` for tests.

    Args:
        language: of the tests. train_language: of training, by default the same.
    """

    def __init__(self, language: str, train_language: str | None = None) -> None:
        self.language, self.train_language = language, train_language

    def get_train_examples(self, data_dir: str) -> list[InputExample]:
        language = self.train_language or self.language
        file = Path(data_dir) / "XNLI-MT-1.0" / "multinli" / f"multinli.train.{language}.tsv"
        lines = enumerate(self._read_tsv(str(file)))
        rows = [(f"train-{place}", line) for place, line in lines if place]
        label = {"contradictory": "contradiction"}
        return [InputExample(name, line[0], line[1], label.get(line[2], line[2])) for name, line in rows]

    def get_test_examples(self, data_dir: str) -> list[InputExample]:
        lines = enumerate(self._read_tsv(str(Path(data_dir) / "XNLI-1.0" / "xnli.test.tsv")))
        rows = [(f"test-{place}", line) for place, line in lines if place and line[0] == self.language]
        return [InputExample(name, line[6], line[7], line[1]) for name, line in rows]

    def get_labels(self) -> list[str]:
        return ["contradiction", "entailment", "neutral"]


xnli_processors = {"xnli": XnliProcessor}
xnli_output_modes = {"xnli": "classification"}
xnli_tasks_num_labels = {"xnli": 3}


def xnli_compute_metrics(task_name: str, preds: Any, labels: Any) -> dict[str, float]:
    """Accuracy.

    Raises:
        KeyError: `task_name` is not xnli. InputError: predictions and labels differ in number.
    """
    pair(preds, labels)
    if task_name != "xnli":
        raise KeyError(f"{task_name!r:.60} is no task of XNLI; expected xnli")
    return {"acc": simple_accuracy(preds, labels)}
