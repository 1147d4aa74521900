"""The loaders of `Trainer`, and how batches reach the device."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from ..core.errors import ArgumentError, InputError
from ..core.signatures import is_of_the_library
from .columns import UsedColumns, none_used, tell_left_out, used_columns
from .counted_labels import CountedLabels
from .loaders import has_length, in_numbers, loader, order_of_evaluation, order_of_training
from .text_borders import with_text_borders


class Data:
    """Methods of `Trainer` that make loaders, and take batches from them. A subclass may replace any of them."""

    _signature_columns: list[str] | None = None
    _own_batch_size: int | None = None
    counted: CountedLabels | None = None  # labels of the update that is made
    past: Any = None  # what the model gave at args.past_index for the batch before, in this epoch or evaluation

    @property
    def _train_batch_size(self: Any) -> int:
        """Rows of a training batch of this process: what was set, or what `args` say."""
        rows: int = self.args.train_batch_size if self._own_batch_size is None else self._own_batch_size
        return rows

    @_train_batch_size.setter
    def _train_batch_size(self, rows: int) -> None:
        self._own_batch_size = rows

    def get_train_dataloader(self: Any) -> DataLoader[Any]:
        """The batches of an epoch of training, for this process.

        Raises:
            ArgumentError: there is no training data.
        """
        if self.train_dataset is None:
            raise ArgumentError("training needs a train_dataset, and the trainer has none")
        loaded: DataLoader[Any] = self._get_dataloader(
            dataset=self.train_dataset,
            description="Training",
            batch_size=self._train_batch_size,
            sampler_fn=self._get_train_sampler,
            is_training=True,
        )
        return loaded

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
        loaded: DataLoader[Any] = self._loader_in_order(dataset, "Evaluation")
        return loaded

    def get_test_dataloader(self: Any, test_dataset: Any) -> DataLoader[Any]:
        """The batches of a prediction, for this process."""
        loaded: DataLoader[Any] = self._loader_in_order(test_dataset, "test")
        return loaded

    def _loader_in_order(self: Any, dataset: Any, description: str) -> DataLoader[Any]:
        loaded: DataLoader[Any] = self._get_dataloader(
            dataset=dataset,
            description=description,
            batch_size=self.args.eval_batch_size,
            sampler_fn=self._get_eval_sampler,
        )
        return loaded

    def _get_dataloader(
        self: Any,
        dataset: Any,
        description: str,
        batch_size: int,
        sampler_fn: Callable[[Any], Sampler[int] | None] | None = None,
        is_training: bool = False,
        dataloader_key: str | None = None,
    ) -> DataLoader[Any]:
        """The loader that the three above return.

        Args:
            description: of what the batches are. batch_size: rows of a batch of this process.
            sampler_fn: makes the order of the rows of all processes. dataloader_key: of older code; loaders are not kept.
        """
        args = self.args
        if hasattr(dataset, "remove_columns") and not is_of_the_library(self._remove_unused_columns):
            dataset = self._remove_unused_columns(dataset, description=description)
            collate = self.data_collator
        else:
            collate = self._get_collator_with_removed_columns(self.data_collator, description=description)
        order = None if sampler_fn is None or not in_numbers(dataset) else sampler_fn(dataset)
        last, persistent = is_training and args.dataloader_drop_last, is_training and args.dataloader_persistent_workers
        return loader(dataset, order, args, batch_size, collate, last, persistent)

    def get_batch_samples(
        self: Any, epoch_iterator: Iterator[Any], num_batches: int, device: Any
    ) -> tuple[list[Any], Tensor | int | None]:
        """The next batches of an update, and how many labels in all of them count."""
        batches = list(islice(epoch_iterator, num_batches))
        return batches, self._get_num_items_in_batch(batches, device)

    def _get_num_items_in_batch(self: Any, batch_samples: list[Any], device: Any) -> Tensor | int | None:
        """How many labels of some batches count, in all processes if `args.average_tokens_across_devices`; at least 1."""
        self.counted = counted = CountedLabels.of(self, batch_samples)
        return torch.tensor(max(1, int(counted.total)), device=device)

    def _get_train_sampler(self: Any, train_dataset: Any = None) -> Sampler[int] | None:
        """The order of the rows of all processes; None where the data has no length."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        names = getattr(self.processing_class, "model_input_names", None)
        return order_of_training(dataset, self.args, names[0] if names else None)

    def _get_eval_sampler(self: Any, eval_dataset: Any) -> Sampler[int] | None:
        return order_of_evaluation(eval_dataset)

    def _set_signature_columns_if_needed(self: Any) -> None:
        """Note the columns that count as used, unless a subclass did: those the forward takes, and labels."""
        if self._signature_columns is None:
            self._signature_columns = used_columns(self.model, self.label_names)

    def _get_collator_with_removed_columns(
        self: Any, data_collator: Callable[[list[Any]], Any], description: str | None = None
    ) -> Callable[[list[Any]], Any]:
        """The collator, which sees what the model can use, if `args.remove_unused_columns`."""
        collate = with_text_borders(data_collator, self.model)
        if not self.args.remove_unused_columns:
            return collate
        self._set_signature_columns_if_needed()
        return UsedColumns(collate, self._signature_columns, type(self.model).__name__, description or "")

    def _remove_unused_columns(self: Any, dataset: Any, description: str | None = None) -> Any:
        """A data set of `datasets` without the columns that the model cannot use, if `args.remove_unused_columns`.

        A loader does without, for a collator may need more columns than the model; it calls this where a subclass has its own.

        Raises:
            InputError: no column is left.
        """
        if not self.args.remove_unused_columns:
            return dataset
        self._set_signature_columns_if_needed()
        unused = [name for name in dataset.column_names if name not in self._signature_columns]
        if unused and len(unused) == len(dataset.column_names):
            raise InputError(none_used(unused, self._signature_columns))
        if unused:
            tell_left_out(unused, type(self.model).__name__, description or "")
        return dataset.remove_columns(unused)

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
        inputs = self._prepare_input(inputs)
        if self.past is not None:
            inputs["mems"] = self.past
        return inputs

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
    return isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) is not None


# In the words of CUDA, ROCm, MPS and others, of their libraries, and of torch on a CPU.
_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|_STATUS_ALLOC_FAILED|CUDNN_STATUS_NOT_SUPPORTED", re.IGNORECASE)
