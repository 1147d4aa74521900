"""The processes that train together: how many there are, which one this is, and what they tell each other."""

import atexit
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch import distributed as dist

from ..core.errors import ArgumentError, MissingDependency
from ..core.optional import require
from .launcher import adopt_launcher
from .watch import Watch

if TYPE_CHECKING:
    from typing import Self

# Bytes of gradients that are exchanged at once, as DDP has it.
_BUCKET = 25 * 2**20


@dataclass(frozen=True)
class Processes:
    """What a launcher started: `torchrun`, `accelerate launch`, MPI, or one process alone.

    Fields:
        index, local_index: this process's number among all, and among those of its machine. count: all of them.
        device: where this process computes.
    """

    index: int
    local_index: int
    count: int
    device: torch.device

    @classmethod
    def of(cls, use_cpu: bool = False, backend: str | None = None, timeout: int = 1800) -> "Self":
        """The processes of this run; the first call joins them, by accelerate.

        Args:
            backend: how they talk, by default what fits the device. timeout: seconds to wait for another one.
        """
        state = cls.state(use_cpu, backend, timeout)
        return cls(state.process_index, state.local_process_index, state.num_processes, state.device)

    @staticmethod
    def state(use_cpu: bool = False, backend: str | None = None, timeout: int = 1800) -> Any:
        """The same as accelerate's `PartialState`."""
        return _state(use_cpu, backend, timeout)

    def is_first(self, each_machine: bool = False) -> bool:
        """Whether this is the first process of all, or of its machine."""
        return (self.local_index if each_machine else self.index) == 0

    def wait(self) -> None:
        """Return when every process has called this."""
        if self.count > 1:
            dist.barrier()

    def summed(self, values: Tensor) -> Tensor:
        """The sum over all processes of tensors of one shape."""
        if self.count > 1:
            values = values.to(self.device)
            dist.all_reduce(values)
        return values

    def mean_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Give each parameter the mean of the gradients that the processes have of it, as DDP and FSDP do with theirs.

        One that is without in some counts as zero there; without in all, it stays so. Every process has to call it.
        """
        if not parameters or self.count == 1:
            return
        has_gradient = torch.tensor([float(each.grad is not None) for each in parameters], device=self.device)
        held = [each for each, holders in zip(parameters, self.summed(has_gradient).tolist(), strict=True) if holders]
        gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in held]
        for bucket in _buckets(gradients):
            if gradients[bucket[0]].is_sparse:  # of one table, whose rows each process holds others of
                held[bucket[0]].grad = self.summed(gradients[bucket[0]]) / self.count
                continue
            # Many at once: each exchange waits for the other processes.
            together = torch.cat([gradients[place].flatten() for place in bucket])
            mean = (self.summed(together) / self.count).to(gradients[bucket[0]].device)
            for place, part in zip(bucket, mean.split([gradients[place].numel() for place in bucket]), strict=True):
                held[place].grad = part.view(held[place].shape)

    def send_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes what the first one holds."""
        if self.count == 1:
            return
        for each in {id(each): each for each in tensors}.values():
            on_device = each.detach().to(self.device)
            dist.broadcast(on_device, src=0)
            with torch.no_grad():
                each.copy_(on_device)

    def check_same(self, value: int, what: str) -> None:
        """Refuse a number that is not the same in all processes: one of them would wait for the others.

        Raises:
            ArgumentError: it is not; in every process.
        """
        if self.count == 1:
            return
        numbers = [torch.zeros((), dtype=torch.int64, device=self.device) for _ in range(self.count)]
        dist.all_gather(numbers, torch.tensor(value, device=self.device))
        values = [int(each) for each in numbers]
        if len(set(values)) > 1:
            shown = ", ".join(f"{each} in process {index}" for index, each in enumerate(values[:8]))
            raise ArgumentError(f"{what} is not the same in all processes ({shown}); give each as much data as the others")

    def gathered(self, value: Any) -> list[Any]:
        """What each process holds, in their order."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def of_first(self, value: Any) -> Any:
        """What the first process holds."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    @contextmanager
    def first_before_others(self, local: bool = True) -> Iterator[None]:
        """A context that the first process (of the machine, if `local`) is in before the others."""
        first = self.is_first(each_machine=local)
        if not first:
            self.wait()
        yield
        if first:
            self.wait()


def _buckets(tensors: Sequence[Tensor]) -> list[list[int]]:
    """The numbers of neighbouring tensors of one type and device, in groups of about so many bytes."""
    groups: list[list[int]] = []
    size, former = 0, None
    for place, each in enumerate(tensors):
        kind = each.dtype, each.device, each.is_sparse
        if kind != former or each.is_sparse or size > _BUCKET:
            groups.append([])
            size, former = 0, kind
        groups[-1].append(place)
        size += each.numel() * each.element_size()
    return groups


@cache
def _state(use_cpu: bool, backend: str | None, timeout: int) -> Any:
    accelerate = require("accelerate", "training")
    adopt_launcher()
    _check_backend(backend)
    options: dict[str, Any] = {"timeout": timedelta(seconds=timeout)}
    state = accelerate.PartialState(cpu=use_cpu, **options, **({"backend": backend} if backend else {}))
    if state.num_processes > 1 and state.device.type == "mps":
        raise ArgumentError(
            f"{state.num_processes} processes were started, and processes cannot share Apple's GPU; start one, or use_cpu=True"
        )
    if dist.is_initialized():
        global _watch
        _watch = Watch.begin(state.process_index) if state.num_processes > 1 else None
        atexit.register(leave_group)
    return state


def _check_backend(name: str | None) -> None:
    """Refuse a way to talk that is not there, before anything waits for it.

    Raises:
        MissingDependency: its package is not installed, or torch was built without it.
    """
    if name == "ccl":
        require("oneccl_bindings_for_pytorch", 'ddp_backend="ccl"')
    there = {"mpi": dist.is_mpi_available, "nccl": dist.is_nccl_available, "gloo": dist.is_gloo_available}
    if name in there and not there[name]():
        raise MissingDependency(f"ddp_backend={name!r} needs a torch that was built with it, and this one was not; use gloo")


def leave_group() -> None:
    """Leave the group, if there is one, before the interpreter ends: threads of gloo that are still there abort the process."""
    global _watch
    if _watch is not None:
        _watch.end()
        _watch = None
    if dist.is_initialized():
        dist.destroy_process_group()


_watch: Watch | None = None  # since the processes joined
