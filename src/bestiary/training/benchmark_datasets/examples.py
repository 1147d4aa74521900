"""Rows of text with a label, before and after they are tokens, and readers of them."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch.utils.data import TensorDataset

from ...core.errors import ArgumentError, FileMissing

Features = list["InputFeatures"]


@dataclass
class InputExample:
    """A text, or two, with a label.

    Args:
        guid: names the row. text_b: of tasks over pairs. label: None where it is to be found.
    """

    guid: str
    text_a: str
    text_b: str | None = None
    label: str | None = None

    def to_json_string(self) -> str:
        """JSON over several lines, with a line end."""
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True)
class InputFeatures:
    """A row as a model takes it.

    Args:
        input_ids: tokens (S). attention_mask: 1 for those that count. token_type_ids: 0 for the first text, 1 for the second.
        label: a class, or a number to come near to.
    """

    input_ids: list[int]
    attention_mask: list[int] | None = None
    token_type_ids: list[int] | None = None
    label: int | float | None = None

    def to_json_string(self) -> str:
        """JSON on a line."""
        return json.dumps(asdict(self)) + "\n"


class DataProcessor:
    """Reads the files of a data set. A class for one has `get_labels` and the three that read."""

    def get_example_from_tensor_dict(self, tensor_dict: dict[str, Any]) -> InputExample:
        """A row of a dictionary of tensors."""
        raise NotImplementedError(f"{type(self).__name__} reads no tensors; override get_example_from_tensor_dict")

    def get_train_examples(self, data_dir: str) -> list[Any]:
        """The rows to train on."""
        raise NotImplementedError(f"{type(self).__name__} has no training data; override get_train_examples")

    def get_dev_examples(self, data_dir: str) -> list[Any]:
        """The rows to choose by."""
        raise NotImplementedError(f"{type(self).__name__} has no data for validation; override get_dev_examples")

    def get_test_examples(self, data_dir: str) -> list[Any]:
        """The rows without labels."""
        raise NotImplementedError(f"{type(self).__name__} has no data for tests; override get_test_examples")

    def get_labels(self) -> list[Any]:
        """The labels; the place of each is its number."""
        raise NotImplementedError(f"{type(self).__name__} has no labels; override get_labels")

    def tfds_map(self, example: InputExample) -> InputExample:
        """The same row, its label by name where it was a number."""
        if len(self.get_labels()) > 1 and example.label is not None:
            example.label = self.get_labels()[int(example.label)]
        return example

    @classmethod
    def _read_tsv(cls, input_file: str, quotechar: str | None = None) -> list[list[str]]:
        """The lines of a file, cut at tabs.

        Raises:
            FileMissing: it is not there.
        """
        if not Path(input_file).is_file():
            raise FileMissing(f"{cls.__name__} reads {input_file}, which is not there")
        with open(input_file, encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file, delimiter="\t", quotechar=quotechar))


class SingleSentenceClassificationProcessor(DataProcessor):
    """Rows of one text each, from lists or from a file with tabs, and their features.

    Args:
        labels, examples: what is there from the start. mode: classification, or regression, where labels are numbers.
        verbose: kept, for what derives from it.
    """

    def __init__(
        self,
        labels: Sequence[Any] | None = None,
        examples: Sequence[InputExample] | None = None,
        mode: str = "classification",
        verbose: bool = False,
    ) -> None:
        self.labels, self.examples = list(labels or ()), list(examples or ())
        self.mode, self.verbose = mode, verbose

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return type(self)(self.labels, self.examples[idx])
        return self.examples[idx]

    def get_labels(self) -> list[Any]:
        """The labels seen so far, sorted."""
        return self.labels

    @classmethod
    def create_from_csv(
        cls,
        file_name: str,
        split_name: str = "",
        column_label: int = 0,
        column_text: int = 1,
        column_id: int | None = None,
        skip_first_row: bool = False,
        **kwargs: Any,
    ) -> Self:
        """A new one with the rows of a file; see `add_examples_from_csv`."""
        processor = cls(**kwargs)
        columns = (column_label, column_text, column_id)
        processor.add_examples_from_csv(file_name, split_name, *columns, skip_first_row, True, True)
        return processor

    @classmethod
    def create_from_examples(cls, texts_or_text_and_labels: Sequence[Any], labels: Any = None, **kwargs: Any) -> Self:
        """A new one with rows; see `add_examples`."""
        processor = cls(**kwargs)
        processor.add_examples(texts_or_text_and_labels, labels)
        return processor

    def add_examples_from_csv(
        self,
        file_name: str,
        split_name: str = "",
        column_label: int = 0,
        column_text: int = 1,
        column_id: int | None = None,
        skip_first_row: bool = False,
        overwrite_labels: bool = False,
        overwrite_examples: bool = False,
    ) -> list[InputExample]:
        """Add the lines of a file whose columns are separated by tabs.

        Args:
            split_name: the beginning of the rows' names, where no column has these. column_label, column_text, column_id: their
            places. skip_first_row: it is a heading.
        """
        lines = self._read_tsv(file_name)[int(skip_first_row) :]
        prefix = f"{split_name}-" if split_name else ""
        ids = [f"{prefix}{place}" if column_id is None else line[column_id] for place, line in enumerate(lines)]
        texts, labels = [line[column_text] for line in lines], [line[column_label] for line in lines]
        return self.add_examples(texts, labels, ids, overwrite_labels, overwrite_examples)

    def add_examples(
        self,
        texts_or_text_and_labels: Sequence[Any],
        labels: Sequence[Any] | None = None,
        ids: Sequence[Any] | None = None,
        overwrite_labels: bool = False,
        overwrite_examples: bool = False,
    ) -> list[InputExample]:
        """Add rows, and their labels to those that are known.

        Args:
            texts_or_text_and_labels: texts, or pairs of a text and a label, in either order of the pair's types as published:
            the text first. ids: names of the rows. overwrite_labels, overwrite_examples: forget those before.

        Raises:
            ArgumentError: labels or names differ in number from the texts.
        """
        for name, given in (("labels", labels), ("ids", ids)):
            if given is not None and len(given) != len(texts_or_text_and_labels):
                raise ArgumentError(f"{name} has {len(given)} entries for {len(texts_or_text_and_labels)} texts")
        new = []
        for place, given in enumerate(texts_or_text_and_labels):
            paired = isinstance(given, tuple | list) and labels is None
            text, label = given if paired else (given, labels[place] if labels is not None else None)
            new.append(InputExample(guid=ids[place] if ids is not None else None, text_a=text, label=label))  # type: ignore[arg-type]
        self.examples = new if overwrite_examples else [*self.examples, *new]
        known = {example.label for example in new} | (set() if overwrite_labels else set(self.labels))
        self.labels = sorted(known, key=lambda label: (label is not None, label))
        return self.examples

    def get_features(
        self,
        tokenizer: Any,
        max_length: int | None = None,
        pad_on_left: bool = False,
        pad_token: int = 0,
        mask_padding_with_zero: bool = True,
        return_tensors: str | None = None,
    ) -> Features | TensorDataset:
        """The rows as tokens, filled to the longest with `pad_token`.

        Args:
            max_length: by default the tokenizer's. pad_on_left: fill on that side. mask_padding_with_zero: the mask has 1 for
            tokens, else 0 for tokens and 1 for what is filled. return_tensors: "pt" for a data set of tensors.

        Raises:
            ArgumentError: another `return_tensors`, or a `mode` that is neither.
        """
        if return_tensors not in (None, "pt"):
            raise ArgumentError(f"return_tensors is {return_tensors!r:.40}; expected None or 'pt'")
        if self.mode not in ("classification", "regression"):
            raise ArgumentError(f"mode is {self.mode!r:.40}; expected classification or regression")
        numbers = {label: place for place, label in enumerate(self.labels)}
        length = max_length or tokenizer.model_max_length
        texts = [example.text_a for example in self.examples]
        rows = [tokenizer.encode(text, truncation=True, max_length=length) for text in texts]
        widest, on = max(map(len, rows)), int(mask_padding_with_zero)
        features = []
        for ids, example in zip(rows, self.examples, strict=True):
            fill, mask = [pad_token] * (widest - len(ids)), [on] * len(ids)
            beside = [1 - on] * len(fill)
            label = numbers[example.label] if self.mode == "classification" else float(example.label)  # type: ignore[arg-type]
            both = (fill + ids, beside + mask) if pad_on_left else (ids + fill, mask + beside)
            features.append(InputFeatures(*both, label=label))
        if return_tensors is None:
            return features
        labels = torch.tensor([row.label for row in features])
        columns = ([row.input_ids for row in features], [row.attention_mask for row in features])
        return TensorDataset(*map(torch.tensor, columns), labels)
