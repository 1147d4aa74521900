"""Loaders of the batches that a training, an evaluation or a prediction takes."""

from collections.abc import Callable, Sized
from functools import partial
from typing import Any

from torch.utils.data import DataLoader, IterableDataset, Sampler, SequentialSampler

from ..core.errors import ArgumentError
from ..core.seed import seed_worker
from .arguments import TrainingArguments
from .samplers.length_grouped import LengthGroupedSampler
from .samplers.sharded import Sharded
from .samplers.shuffled import Shuffled
from .samplers.streamed import FillerCollator, Streamed


def order_of_training(dataset: Any, args: TrainingArguments, length_input: str | None) -> Sampler[int] | None:
    """The order of a training's rows, or None where the data set has no length.

    Args:
        length_input: the input whose length groups rows, where the data set has no column `args.length_column_name`.
    """
    if not in_numbers(dataset):
        return None
    seed = args.seed if args.data_seed is None else args.data_seed
    if args.train_sampling_strategy == "sequential":
        return SequentialSampler(dataset)
    if args.train_sampling_strategy == "group_by_length":
        column = args.length_column_name
        lengths = list(dataset[column]) if column in (getattr(dataset, "column_names", None) or ()) else None
        size = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        return LengthGroupedSampler(size, dataset, lengths, length_input, seed=seed)
    return Shuffled(dataset, seed)


def loader(
    dataset: Any,
    order: Sampler[int] | None,
    args: TrainingArguments,
    batch_size: int,
    collate: Callable[[list[Any]], Any],
    drop_last: bool = False,
    persistent: bool = False,
) -> DataLoader[Any]:
    """Batches of this process, in an order that is the same for any number of workers.

    Args:
        order: of the rows; None for an iterable data set. batch_size: rows of a batch of this process.
        persistent: keep the workers when all batches were taken.
    """
    options: dict[str, Any] = {
        "batch_size": batch_size,
        "collate_fn": collate,
        "num_workers": args.dataloader_num_workers,
        "pin_memory": args.dataloader_pin_memory and args.device.type == "cuda",
        "persistent_workers": persistent and args.dataloader_num_workers > 0,
        "in_order": args.dataloader_in_order,
        "drop_last": drop_last,
    }
    if args.dataloader_num_workers:
        options |= {
            "prefetch_factor": args.dataloader_prefetch_factor,
            "multiprocessing_context": args.dataloader_multiprocessing_context,
            "worker_init_fn": partial(seed_worker, num_workers=args.dataloader_num_workers, rank=args.process_index),
        }
    index, count = args.process_index, args.world_size
    if order is None:
        seed = args.seed if args.data_seed is None else args.data_seed
        options["collate_fn"] = FillerCollator(collate)
        return DataLoader(Streamed(dataset, batch_size, index, count, drop_last, seed, args.dataloader_num_workers), **options)
    return DataLoader(dataset, sampler=Sharded(order, batch_size, index, count, drop_last), **options)


def order_of_evaluation(dataset: Any) -> Sampler[int] | None:
    """The data set's own order, or None where it has no length."""
    return SequentialSampler(dataset) if in_numbers(dataset) else None


def in_numbers(dataset: Any) -> bool:
    """Whether rows are taken by number."""
    return has_length(dataset) and not isinstance(dataset, IterableDataset)


def position(loader: Any) -> Sharded | Streamed | None:
    """What in a loader knows where to begin, if it is one of this library."""
    for each in (getattr(loader, "sampler", None), getattr(loader, "dataset", None)):
        if isinstance(each, Sharded | Streamed):
            return each
    return None


def has_length(dataset: Any) -> bool:
    """Whether `len(dataset)` gives a number."""
    try:
        return len(dataset) is not None
    except (TypeError, AttributeError, RuntimeError):  # the last: a loader of an iterable data set
        return False


def rows_of(loader: Any) -> Any:
    """The data set of a loader, as it was given."""
    dataset = loader.dataset
    return dataset.rows if isinstance(dataset, Streamed) else dataset


def number_of_rows(loader: Any) -> int:
    """Rows of all processes.

    Raises:
        ArgumentError: the data set has no length.
    """
    dataset = rows_of(loader)
    if not has_length(dataset):
        raise ArgumentError(f"a {type(dataset).__name__} has no length, so its rows cannot be counted; say max_steps")
    return len(dataset) if isinstance(dataset, Sized) else 0
