"""What a task is: how rows become what a model takes, and what its predictions are worth."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from ..core.errors import ArgumentError, did_you_mean
from .data_files import Row, Rows
from .evaluation import EvalPrediction

Features = Sequence[dict[str, Any]]
Metrics = Callable[[EvalPrediction], dict[str, float]]


class Task:
    """A task, a dataclass: its fields are options of `HfArgumentParser`, as in `--max_seq_length 128`.

    Class attributes:
        model_class, preprocessor_class: names of the auto classes that open what it trains. best_metric: which tells the best
        checkpoint. generates: whether a `Seq2SeqTrainer` trains it, whose predictions are generated. has_loss: whether `loss`
        is the task's own, rather than the model's. needs_template: whether a tokenizer has to know how to write chats, which
        one that is trained on texts does not.
    """

    model_class: ClassVar[str]
    preprocessor_class: ClassVar[str] = "AutoTokenizer"
    best_metric: ClassVar[str] = "loss"
    generates: ClassVar[bool] = False
    has_loss: ClassVar[bool] = False
    needs_template: ClassVar[bool] = False

    def config_values(self, rows: Rows | None) -> dict[str, Any]:
        """What the rows to train on say of the model's config: its labels, ...; without any, the checkpoint's stay."""
        return {}

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Rows as a model takes them; a row may become several.

        Args:
            preprocessor: a tokenizer or processor. config: the model's, with `config_values`. training: whether to train on
            them, rather than to evaluate.

        Raises:
            ArgumentError: a column is not there, or a label that the config does not have.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how its rows are prepared; override features")

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """What makes a batch of features."""
        raise NotImplementedError(f"{type(self).__name__} does not say how batches are made; override collator")

    def loss(self, model: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The loss of a batch, where `has_loss`, and a table of it and what predictions are made of."""
        raise NotImplementedError(f"{type(self).__name__} has no loss of its own; override loss")

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics | None:
        """What an evaluation of these features, made of these rows, is worth; None: only its loss."""
        return None

    def preprocess_logits(self) -> Callable[[Any, Any], Any] | None:
        """What is kept of each batch's logits for the metrics; None: all."""
        return None


def column_of(rows: Rows, name: str | None, likely: Iterable[str], what: str) -> str:
    """The column `name`, or where none is named the first of `likely` that there is.

    Raises:
        ArgumentError: it is not there.
    """
    known = list(rows[0])
    if name is None:
        name = next((each for each in likely if each in known), None)
    if name not in known:
        near = did_you_mean(name or "", known)
        raise ArgumentError(f"no column {name or what!r:.60} in the rows, for {what}.{near} There are: {', '.join(known)}")
    return name


def column_texts(rows: Rows, name: str) -> list[str]:
    """A column as texts; numbers of a table as they are written there.

    Raises:
        ArgumentError: something else.
    """
    texts = []
    for number, row in enumerate(rows, 1):
        value = row.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ArgumentError(f"row {number} has {value!r:.60} in {name!r}; expected a text")
        texts.append(str(value))
    return texts


def labels_of(rows: Rows, column: str) -> dict[str, Any]:
    """`label2id`, `id2label` and `num_labels` of a config, of labels sorted as numbers or as texts.

    Raises:
        ArgumentError: there is but one, or a row has none.
    """
    values = {checked_label(row.get(column), column, f"row {number}") for number, row in enumerate(rows, 1)}
    if len(values) < 2:
        raise ArgumentError(f"every row has the label {next(iter(values))!r:.60} in {column!r}; expected at least two labels")
    names = [str(value) for value in sorted(values, key=lambda value: (isinstance(value, str), value))]
    return {
        "label2id": {name: number for number, name in enumerate(names)},
        "id2label": dict(enumerate(names)),
        "num_labels": len(names),
    }


def checked_label(label: Any, column: str, place: str = "a row") -> Any:
    """A label as it is.

    Args:
        place: where it stands, for the message.

    Raises:
        ArgumentError: it is missing (also as nan), or a list or table.
    """
    if label is None or str(label).strip().lower() in ("", "nan"):
        raise ArgumentError(f"{place} has no label: {column!r} is {label!r:.60}; write its label, or leave the row out")
    if isinstance(label, list | dict):
        raise ArgumentError(f"{place} has {label!r:.60} as its label in {column!r}; expected one text or number")
    return label


def label_number(row: Row, column: str, config: Any) -> int:
    """The number of a row's label.

    Raises:
        ArgumentError: the config does not have it.
    """
    label = str(checked_label(row.get(column), column, f"the row {str(row)[:80]}"))
    if label not in config.label2id:
        raise ArgumentError(f"label {label!r:.60} is not one of the model's: {', '.join(map(str, config.label2id))!s:.200}")
    return int(config.label2id[label])
