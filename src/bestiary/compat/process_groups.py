"""What scripts ask of the processes that train together, and tell them, under published names."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from ..training.choices import ParallelMode


@contextmanager
def torch_distributed_zero_first(local_rank: int) -> Iterator[None]:
    """A context that process 0 of a machine is in before the others; `local_rank` is this one's number, -1 if it is alone."""
    if local_rank not in (-1, 0):
        dist.barrier()
    yield
    if local_rank == 0:
        dist.barrier()


def is_main_process(local_rank: int) -> bool:
    """Whether a process of this number on its machine is the first, or alone (-1)."""
    return local_rank in (-1, 0)


def total_processes_number(local_rank: int) -> int:
    """How many processes there are: 1 if `local_rank` is -1."""
    return 1 if local_rank == -1 else dist.get_world_size()


def distributed_concat(tensor: Any, num_total_examples: int | None = None) -> Any:
    """The tensors of all processes behind each other, in lists, tuples and mappings too; each process has as many rows.

    Args:
        num_total_examples: keep so many.
    """
    if isinstance(tensor, list | tuple):
        return type(tensor)(distributed_concat(each, num_total_examples) for each in tensor)
    if isinstance(tensor, Mapping):
        parts = {name: distributed_concat(each, num_total_examples) for name, each in tensor.items()}
        return type(tensor)(parts)  # type: ignore[call-arg]
    part = tensor.reshape(1) if tensor.dim() == 0 else tensor.contiguous()
    gathered = [torch.empty_like(part) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, part)
    return torch.cat(gathered)[:num_total_examples]


def distributed_broadcast_scalars(
    scalars: Sequence[float], num_total_examples: int | None = None, device: torch.device | str | None = "cuda"
) -> Tensor:
    """The numbers of all processes behind each other, in a tensor on `device`; `num_total_examples`: keep so many."""
    numbers: Tensor = distributed_concat(torch.tensor(scalars, device=device), num_total_examples)
    return numbers


def nested_gather(tensors: Any, parallel_mode: Any, name: str | None = None) -> Any:
    """`distributed_concat` where `parallel_mode` says that there are several processes; otherwise what was given."""
    if tensors is None or parallel_mode != ParallelMode.DISTRIBUTED:
        return tensors
    return distributed_concat(tensors)


def is_fsdp_managed_module(module: nn.Module) -> bool:
    """Whether torch shares the weights of a module out, in the manner of FSDP 1 or 2."""
    from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel

    managed: bool = isinstance(module, FSDPModule | FullyShardedDataParallel) or getattr(
        module, "_is_fsdp_managed_module", False
    )
    return managed


def is_fsdp_enabled() -> bool:
    """Whether a launcher asked for FSDP 1 whose weights are read by the first process, and the processes have joined."""
    import os

    asked = all(_is_on(os.environ.get(name, "")) for name in ("ACCELERATE_USE_FSDP", "FSDP_CPU_RAM_EFFICIENT_LOADING"))
    return asked and dist.is_available() and dist.is_initialized()


def _is_on(word: str) -> bool:
    return word.lower() in ("y", "yes", "t", "true", "on", "1")
