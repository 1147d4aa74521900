"""The loaders of `Trainer`, and how batches reach the device."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from ..core.errors import ArgumentError
from .columns import UsedColumns
from .loaders import has_length, loader, number_of_rows, order_of_evaluation, order_of_training
from .text_borders import with_text_borders


class Data:
    """Methods of `Trainer` that make loaders. A subclass may replace any of them."""

    def get_train_dataloader(self: Any) -> DataLoader[Any]:
        """The batches of an epoch of training, for this process.

        Raises:
            ArgumentError: there is no training data.
        """
        if self.train_dataset is None:
            raise ArgumentError("training needs a train_dataset, and the trainer has none")
        args = self.args
        order = self._get_train_sampler(self.train_dataset)
        return loader(
            self.train_dataset,
            order,
            args,
            args.train_batch_size,
            self._collator(),
            args.dataloader_drop_last,
            args.dataloader_persistent_workers,
        )

    def get_eval_dataloader(self: Any, eval_dataset: Any = None) -> DataLoader[Any]:
        """The batches of an evaluation, for this process.

        Args:
            eval_dataset: instead of the trainer's own; a name is looked up among these.

        Raises:
            ArgumentError: there is no such data.
        """
        dataset = self.eval_dataset if eval_dataset is None else eval_dataset
        if isinstance(dataset, str):
            if not isinstance(self.eval_dataset, Mapping) or dataset not in self.eval_dataset:
                raise ArgumentError(f"the trainer has no eval_dataset {dataset!r:.60}")
            dataset = self.eval_dataset[dataset]
        if dataset is None:
            raise ArgumentError("an evaluation needs an eval_dataset, and neither the call nor the trainer has one")
        loaded: DataLoader[Any] = self._loader_in_order(dataset)
        return loaded

    def get_test_dataloader(self: Any, test_dataset: Any) -> DataLoader[Any]:
        """The batches of a prediction, for this process."""
        loaded: DataLoader[Any] = self._loader_in_order(test_dataset)
        return loaded

    def num_examples(self: Any, dataloader: DataLoader[Any]) -> int:
        """Rows of a loader's data set.

        Raises:
            ArgumentError: it has no length.
        """
        return number_of_rows(dataloader)

    def _loader_in_order(self: Any, dataset: Any) -> DataLoader[Any]:
        order = self._get_eval_sampler(dataset)
        return loader(dataset, order, self.args, self.args.eval_batch_size, self._collator())

    def _get_train_sampler(self: Any, train_dataset: Any = None) -> Sampler[int] | None:
        """The order of the rows of all processes; None where the data has no length."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        names = getattr(self.processing_class, "model_input_names", None)
        return order_of_training(dataset, self.args, names[0] if names else None)

    def _get_eval_sampler(self: Any, eval_dataset: Any) -> Sampler[int] | None:
        return order_of_evaluation(eval_dataset)

    def _collator(self: Any) -> Callable[[list[Any]], Any]:
        collate = with_text_borders(self.data_collator, self.model)
        if not self.args.remove_unused_columns:
            return collate
        return UsedColumns(collate, self.model, self.label_names)

    def _prepare_inputs(self: Any, inputs: Any) -> Any:
        """A batch on the device.

        Raises:
            ArgumentError: a batch without anything in it, or none.
        """
        if inputs is None:
            raise ArgumentError("the collator returned None; expected a batch: a mapping from the model's inputs to tensors")
        if isinstance(inputs, Mapping) and not inputs:
            raise ArgumentError(
                "the collator returned a batch without inputs: no column of the data is one that the model takes"
            )
        return self._prepare_input(inputs)

    def _prepare_input(self: Any, data: Any) -> Any:
        """The same, for tensors in mappings, lists and tuples."""
        if isinstance(data, Mapping):
            return type(data)({name: self._prepare_input(each) for name, each in data.items()})  # type: ignore[call-arg]
        if isinstance(data, tuple | list):
            return type(data)(self._prepare_input(each) for each in data)
        if isinstance(data, Tensor) and data.device != self.args.device:
            return data.to(self.args.device, non_blocking=True)
        return data


def check_rows(dataset: Any, name: str) -> None:
    """Refuse data that is no data set, or has a length of 0.

    Raises:
        ArgumentError: it is none, or has.
    """
    if isinstance(dataset, str | Mapping) or not (hasattr(dataset, "__getitem__") or hasattr(dataset, "__iter__")):
        raise ArgumentError(f"{name} is a {type(dataset).__name__}; expected rows, by number or one after the other")
    if has_length(dataset) and len(dataset) == 0:
        raise ArgumentError(f"{name} has no rows")


def parts_of(batch: Any, count: int) -> list[Any]:
    """A batch cut into so many of equal size along its rows, or fewer where it has fewer rows.

    Raises:
        ArgumentError: its parts are not of one length.
    """
    if not isinstance(batch, Mapping):
        raise ArgumentError(f"a batch that is a {type(batch).__name__} cannot be cut into smaller ones")
    sizes = {len(value) for value in batch.values() if isinstance(value, Tensor) and value.dim()}
    rows = max(sizes, default=1)
    if len(sizes) > 1:
        raise ArgumentError(f"a batch with tensors of {sorted(sizes)} rows cannot be cut into smaller ones")
    cuts = [index * rows // count for index in range(count + 1)]
    spans = [(begin, end) for begin, end in pairwise(cuts) if end > begin]
    return [{name: _rows(value, begin, end, rows) for name, value in batch.items()} for begin, end in spans]


def _rows(value: Any, begin: int, end: int, rows: int) -> Any:
    if (isinstance(value, Tensor) and value.dim()) or (isinstance(value, list) and len(value) == rows):
        return value[begin:end]
    return value


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the system had no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
