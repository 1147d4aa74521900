"""Rows to train on, from files that people have: JSON, JSON lines, CSV, TSV, text, folders of images, or `datasets` by name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.argument_parser import HfArg
from ..core.errors import ArgumentError, CorruptFile, FileMissing
from ..core.optional import require
from .table_files import file_text, table_rows

Row = dict[str, Any]
Rows = Sequence[Row]
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_METADATA = ("metadata.jsonl", "metadata.csv")


@dataclass
class DataFiles:
    """Where the rows of training, validation and test come from, and how many of them are taken.

    Raises:
        ArgumentError: nothing is named, or a number of rows that is none.
    """

    train_file: str | None = HfArg(default=None, help="JSON, JSONL, CSV, TSV or text file, or a folder of images, to train on")
    validation_file: str | None = HfArg(default=None, help="The same to evaluate on")
    test_file: str | None = HfArg(default=None, help="The same to predict")
    dataset_name: str | None = HfArg(default=None, help="A data set of the package `datasets`, instead of files")
    dataset_config_name: str | None = HfArg(default=None, help="Which of its configurations")
    validation_split_percentage: int = HfArg(
        default=5, help="Percent of the rows to train on that are kept for evaluation where it has none of its own"
    )
    max_train_samples: int | None = HfArg(default=None, help="Take only so many rows, for a trial")
    max_eval_samples: int | None = HfArg(default=None, help="The same of evaluation")
    max_predict_samples: int | None = HfArg(default=None, help="The same of the test")

    def __post_init__(self) -> None:
        if not (self.dataset_name or self.train_file or self.validation_file or self.test_file):
            raise ArgumentError("no data is named; pass train_file, validation_file, test_file or dataset_name")
        if not 0 <= self.validation_split_percentage < 100:
            raise ArgumentError(
                f"validation_split_percentage is {self.validation_split_percentage}; expected 0 (none) to 99 percent"
            )
        for name in ("max_train_samples", "max_eval_samples", "max_predict_samples"):
            if (most := getattr(self, name)) is not None and most < 1:
                raise ArgumentError(f"{name} is {most}; expected at least 1, or leave it out for all rows")

    def rows(self, validate: bool = True) -> dict[str, Rows]:
        """Part -> rows, of train, validation and test those that there are; all columns as they are in the files.

        Args:
            validate: keep some rows of training for validation where there are no others.
        """
        if self.dataset_name:
            parts = _of_datasets(self.dataset_name, self.dataset_config_name)
        else:
            files = {"train": self.train_file, "validation": self.validation_file, "test": self.test_file}
            parts = {part: read_rows(path) for part, path in files.items() if path}
        if validate and "validation" not in parts and "train" in parts and self.validation_split_percentage:
            rows = parts["train"]
            kept = len(rows) * self.validation_split_percentage // 100
            if kept:
                parts["train"], parts["validation"] = rows[kept:], rows[:kept]
        most = {"train": self.max_train_samples, "validation": self.max_eval_samples, "test": self.max_predict_samples}
        return {part: rows[: most[part]] for part, rows in parts.items()}


def read_rows(path: str | Path) -> list[Row]:
    """The rows of a file, by its ending, or of a folder.

    All files are UTF-8. JSON: a list of rows, one a line, or a table with a list named `data`. CSV and TSV: see `table_rows`.
    Text: a row a line, as `text`. A folder: images, as `image` (a path), by folders that are their `label`, or with
    `metadata.csv` or `.jsonl`, whose `file_name`, a path inside the folder, says which image a row is of.

    Raises:
        FileMissing: it is not there. ArgumentError: no ending that is known. CorruptFile: it holds no rows, or broken ones.
    """
    path = Path(path)
    if path.is_dir():
        rows = _of_folder(path)
    elif not path.is_file():
        raise FileMissing(f"{path} is not there; expected a file of rows, or a folder of images")
    elif (ending := path.suffix.lower()) in (".json", ".jsonl"):
        rows = _of_json(path)
    elif ending in (".csv", ".tsv"):
        rows = table_rows(path, "\t" if ending == ".tsv" else ",")
    elif ending in (".txt", ".text", ".md"):
        rows = [{"text": line} for line in _lines(file_text(path))]
    else:
        raise ArgumentError(f"{path} ends in {ending!r:.20}; expected .json, .jsonl, .csv, .tsv, .txt, or a folder")
    if not rows:
        raise CorruptFile(f"{path} holds no rows")
    return rows


def _lines(text: str) -> list[str]:
    """Lines that end in a line feed, perhaps after a carriage return: other separators of Unicode may stand in a text."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines if lines[-1] else lines[:-1]


def _of_json(path: Path) -> list[Row]:
    text = file_text(path)
    try:
        try:
            rows = json.loads(text)
        except ValueError:
            rows = []
            for number, line in enumerate(_lines(text), 1):
                if line.strip():
                    try:
                        rows.append(json.loads(line))
                    except ValueError as error:
                        raise CorruptFile(f"{path} is neither JSON nor JSON lines: line {number}: {error}") from error
    except RecursionError as error:
        raise CorruptFile(f"{path} holds lists or tables too deep in each other to be read; expected rows") from error
    if isinstance(rows, dict):
        rows = rows.get("data", [rows])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CorruptFile(f"{path} holds no list of rows; expected [{{...}}, ...], a row a line, or {{'data': [...]}}")
    return rows


def _of_folder(folder: Path) -> list[Row]:
    for name in _METADATA:
        if (file := folder / name).is_file():
            return [
                {"image": _inside(folder, file, number, row), **{key: row[key] for key in row if key != "file_name"}}
                for number, row in enumerate(read_rows(file), 1)
            ]
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _IMAGES)
    return [{"image": str(path), "label": path.parent.name} for path in files]


def _inside(folder: Path, metadata: Path, number: int, row: Row) -> str:
    """The path of the image that a row names.

    Raises:
        CorruptFile: it names none, or one outside the folder.
    """
    named = row.get("file_name")
    if not isinstance(named, str) or not named:
        state = f"is {named!r:.60}" if "file_name" in row else "is not there"
        raise CorruptFile(f"{metadata}, row {number}: file_name {state}; expected the path of an image inside {folder}")
    if Path(named).is_absolute() or ".." in Path(named).parts:
        raise CorruptFile(f"{metadata}, row {number}: file_name {named!r:.80} leaves {folder}; expected a path inside it")
    return str(folder / named)


def _of_datasets(name: str, config: str | None) -> dict[str, Rows]:
    datasets: Any = require("datasets", "dataset_name")
    return {part: rows.to_list() for part, rows in datasets.load_dataset(name, config).items()}
