"""Which columns of a row reach a model: those that its forward takes, and its labels."""

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch.utils.data import get_worker_info

from ..core.errors import InputError
from ..core.logging import get_logger

logger = get_logger(__name__)

_LABELS = ("label", "label_ids", "labels")


def parameters_of(model: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a model's forward: of the model inside, where adapters are put around one."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return dict(inspect.signature(inner.forward if hasattr(inner, "forward") else inner.__call__).parameters)


def parameters_of_function(function: Any) -> Mapping[str, Any]:
    """The parameters that a function or a bound method shows."""
    return inspect.signature(function).parameters


def label_names_of(model: Any) -> list[str]:
    """The parameters of a model's forward that are labels: those with "label" in the name, and where an answer begins and ends.

    `shift_labels` are `labels` once more, each at its own place.
    """
    answers = ("start_positions", "end_positions")
    names = [name for name in parameters_of(model) if name != "shift_labels"]
    return [name for name in names if "label" in name or name in answers]


def used_columns(model: Any, labels: Iterable[str]) -> list[str]:
    """The columns that a model can use: the parameters of its forward, `labels`, and the usual names of labels."""
    return list(dict.fromkeys((*parameters_of(model), *labels, *_LABELS)))


def none_used(columns: Iterable[Any], used: Iterable[str]) -> str:
    """What is said of rows none of whose columns can be used."""
    return (
        f"rows have the columns {', '.join(map(str, columns)):.300}, none of which the model takes; it takes"
        f" {', '.join(sorted(used)):.600}. Rename columns, or pass a collator that makes inputs of them"
    )


def tell_left_out(columns: Iterable[Any], model: str, description: str) -> None:
    """Log which columns of the data a model does not get; those of a training so that it is seen."""
    names = ", ".join(map(str, columns))
    logger.log(
        logging.WARNING if description == "Training" else logging.INFO,
        "%s: %s does not take the columns %.300s, which are left out; remove_unused_columns=False passes them on",
        description,
        model,
        names,
    )


class UsedColumns:
    """A collator that sees what a model can use.

    A collator of this library gets the columns that the model's forward takes, and those that it names in `columns`. One of
    the user's gets all of them, for it may need more than the model does; if it fails on them, those that the forward takes.
    Columns that the forward does not take and that it passes on under their names are left out of the batch.

    Args:
        collate: the collator. used: the columns that the model can use. model, description: its name, and that of the data,
            for what is said of the first batch.
    """

    def __init__(
        self, collate: Callable[[list[Any]], Any], used: Iterable[str], model: str = "the model", description: str = ""
    ) -> None:
        self.collate, self.model, self.description = collate, model, description
        self.is_first = True
        self.used = {*used, *getattr(collate, "columns", ())}
        module = getattr(collate, "__module__", None) or type(collate).__module__
        self.is_ours = str(module).partition(".")[0] == __name__.partition(".")[0]

    def __call__(self, rows: list[Any]) -> Any:
        """The batch of some rows.

        Raises:
            InputError: rows of which the model can use no column.
        """
        if not rows or not isinstance(rows[0], Mapping):
            return self.collate(rows)
        unused = [name for name in rows[0] if name not in self.used]
        if not unused:
            return self.collate(rows)
        if len(unused) == len(rows[0]) and self.is_ours:
            raise InputError(none_used(unused, self.used))
        pruned = [{name: value for name, value in row.items() if name in self.used} for row in rows]
        left_out: Iterable[str] = unused
        if self.is_ours:
            batch = self.collate(pruned)
        else:
            try:
                batch = self.collate(rows)
            except Exception as error:  # noqa: BLE001 (it is the user's code, which may count on rows that fit the model)
                batch = self._after(error, pruned)
            else:
                left_out = [name for name in unused if name in batch] if isinstance(batch, Mapping) else ()
            if isinstance(batch, Mapping):
                for name in set(unused) & set(batch):
                    del batch[name]  # type: ignore[attr-defined]
        if self.is_first and left_out:
            self.is_first = False
            worker = get_worker_info()
            if worker is None or worker.id == 0:
                tell_left_out(left_out, self.model, self.description)
        return batch

    def _after(self, error: Exception, pruned: list[Any]) -> Any:
        try:
            return self.collate(pruned)
        except Exception as second:
            raise second from error


def check_inputs(model: Any, batch: Mapping[str, Any]) -> None:
    """Refuse a batch that lacks what a model's forward cannot do without.

    Raises:
        InputError: which inputs are missing.
    """
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    required = [name for name, each in parameters_of(model).items() if each.kind in kinds and each.default is each.empty]
    missing = [name for name in required if name not in batch]
    if missing:
        raise InputError(
            f"{type(model).__name__} needs {', '.join(missing)}; the batch holds {', '.join(map(str, batch)) or 'nothing'}."
            " Name the columns of the data, or what the collator returns, after the model's inputs"
        )
