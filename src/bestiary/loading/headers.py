"""What a checkpoint holds and what opening it will take, from the headers of its files alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import torch

from ..core.errors import CorruptFile, FileMissing
from ..hub.download import explain, failures
from ..hub.files import HubOptions, find_file, local_folder
from ..hub.options import offline
from .checkpoint import SAFE_NAME, Checkpoint, index_name, read_weight_map
from .format import TensorInfo
from .formats.safetensors import DTYPES


def read_headers(name_or_path: Any, options: HubOptions = HubOptions()) -> Mapping[str, TensorInfo]:
    """Name -> dtype and shape of every tensor of a folder, a file, or a name on the hub, whose weights are not downloaded.

    Raises:
        FileMissing: no weights, or on the hub none whose header can be read alone (safetensors).
        CorruptFile, HubError: as `Checkpoint.open`.
    """
    if Path(name_or_path).is_file() or local_folder(name_or_path) is not None or offline(options):
        return Checkpoint.open(name_or_path, options).keys
    try:
        return Checkpoint.open(name_or_path, replace(options, local_files_only=True)).keys
    except FileMissing:
        return _remote_headers(str(name_or_path), options)


def _remote_headers(name: str, options: HubOptions) -> dict[str, TensorInfo]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import EntryNotFoundError, NotASafetensorsRepoError, SafetensorsParsingError

    index = find_file(name, index_name(SAFE_NAME), options)
    shards = sorted(set(read_weight_map(index).values())) if index else [SAFE_NAME]
    infos: dict[str, TensorInfo] = {}
    for shard in shards:
        place = f"{options.subfolder}/{shard}" if options.subfolder else shard
        try:
            header = HfApi(token=options.token).parse_safetensors_file_metadata(name, place, revision=options.revision)
        except (EntryNotFoundError, NotASafetensorsRepoError) as error:
            raise FileMissing(
                f"{name!r} has no {place}; other formats have no header that could be read without downloading the weights"
            ) from error
        except SafetensorsParsingError as error:
            raise CorruptFile(f"{place} of {name!r} has no readable header: {error}") from error
        except failures() as error:
            raise explain(error, name, options, place) from error
        for key, tensor in header.tensors.items():
            dtype, shape = DTYPES[tensor.dtype], tuple(tensor.shape)
            infos[key] = TensorInfo(dtype, shape, Path(shard), prod(shape) * dtype.itemsize)
    return infos


@dataclass(frozen=True)
class LoadNeed:
    """What opening a checkpoint takes, in bytes.

    Fields:
        parameters: numbers in the weights (a count, not bytes), tied ones once.
        weights: the model in memory. peak: the most that opening it takes.
    """

    parameters: int
    weights: int
    peak: int


def load_need(
    tensors: Mapping[str, TensorInfo], *, dtype: torch.dtype | None = None, tied: Mapping[str, str] | None = None
) -> LoadNeed:
    """The need of a checkpoint that holds these tensors.

    Args:
        dtype: of floating tensors in the model; None keeps each as it is in the file.
        tied: parameter -> the parameter it is, so that files which hold both are counted once.
    """
    source_of = tied or {}
    counted = {key: info for key, info in tensors.items() if source_of.get(key) not in tensors}
    dtypes = {key: dtype if dtype is not None and info.dtype.is_floating_point else info.dtype for key, info in counted.items()}
    weights = sum(prod(info.shape) * dtypes[key].itemsize for key, info in counted.items())
    # A tensor that changes its dtype is in memory twice while it is converted.
    largest = max((info.nbytes for key, info in tensors.items() if dtypes.get(key) != info.dtype), default=0)
    return LoadNeed(sum(prod(info.shape) for info in counted.values()), weights, weights + largest)


def main_dtype(tensors: Mapping[str, TensorInfo]) -> torch.dtype:
    """The floating dtype that most bytes are in."""
    sizes: dict[torch.dtype, int] = {}
    for info in tensors.values():
        if info.dtype.is_floating_point:
            sizes[info.dtype] = sizes.get(info.dtype, 0) + info.nbytes
    return max(sizes, key=lambda dtype: sizes[dtype], default=torch.float32)


def by_dtype(tensors: Mapping[str, TensorInfo]) -> list[tuple[str, int, int]]:
    """(dtype, numbers, bytes) for each dtype of the file, most bytes first."""
    totals: dict[str, list[int]] = {}
    for info in tensors.values():
        entry = totals.setdefault(str(info.dtype).removeprefix("torch."), [0, 0])
        entry[0] += prod(info.shape)
        entry[1] += info.nbytes
    rows: Sequence[tuple[str, int, int]] = [(name, numbers, size) for name, (numbers, size) in totals.items()]
    return sorted(rows, key=lambda row: -row[2])
