"""Views of data sets that pipelines read, and the stream of results they give."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import Dataset

from ..core.errors import ArgumentError


class KeyDataset(Dataset[Any]):
    """One field of each row of an indexable data set."""

    def __init__(self, dataset: Any, key: str) -> None:
        self.dataset = dataset
        self.key = key

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index][self.key]


class KeyPairDataset(Dataset[Any]):
    """Two fields of each row, as `{"text": ..., "text_pair": ...}`."""

    def __init__(self, dataset: Any, key1: str, key2: str) -> None:
        self.dataset = dataset
        self.keys = (key1, key2)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.dataset[index]
        return {"text": row[self.keys[0]], "text_pair": row[self.keys[1]]}


class PipelineIterator(Iterator[Any]):
    """Results in the order of the inputs, made while they are asked for. Has a length where the inputs have one."""

    def __init__(self, results: Iterator[Any], length: int | None = None) -> None:
        self._results = results
        self._length = length

    def __iter__(self) -> "PipelineIterator":
        return self

    def __next__(self) -> Any:
        return next(self._results)

    def __len__(self) -> int:
        if self._length is None:
            raise ArgumentError("the number of results is not known: the inputs are a stream")
        return self._length

    def __length_hint__(self) -> int:
        return self._length or 0
