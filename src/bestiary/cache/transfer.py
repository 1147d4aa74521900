"""Moving layers of a cache between an accelerator and the host's memory, one step ahead of the model."""

from typing import Any

import torch
from torch import Tensor

from .layer import CacheLayer


class Transfer:
    """Keeps on the accelerator the layer at work and the next one, all others on the host.

    Args:
        only_non_sliding: leave layers with a window where they are; they are small.

    On CUDA, layers come over a stream of their own while the model computes; other accelerators wait for them.
    """

    def __init__(self, only_non_sliding: bool = False) -> None:
        self.only_non_sliding = only_non_sliding
        self._on_host: set[int] = set()  # layers on the host
        self._coming: dict[int, Any] = {}  # layer -> event after which it has arrived
        self._leaving: dict[int, Any] = {}  # layer -> event after which its host copy is complete
        self._stream: Any = None
        self._device = torch.device("cpu")

    def bring(self, layers: list[CacheLayer], index: int, device: torch.device | None = None) -> None:
        """Have layer `index` on `device` (default: as last time), send the one before away, start fetching the one after."""
        device = self._device = device or self._device
        if not self.is_remote(device):
            return
        self._fetch(layers, index, device)
        self._arrive(layers, index)
        before, after = (index - 1) % len(layers), (index + 1) % len(layers)
        if before not in (index, after) and self._moves(layers[before]):
            self._send(layers, before)
        if after != index:
            self._fetch(layers, after, device)

    def is_remote(self, device: torch.device) -> bool:
        """Whether `device` is another than the host."""
        return device.type != "cpu"

    def settle(self, layers: list[CacheLayer]) -> None:
        """Wait for all that is under way, so that any of `layers` can be read and changed."""
        for index in list(self._coming):
            self._arrive(layers, index)
        for event in self._leaving.values():
            event.synchronize()
        self._leaving.clear()

    def _moves(self, layer: CacheLayer) -> bool:
        return not (self.only_non_sliding and layer.is_sliding)

    def _fetch(self, layers: list[CacheLayer], index: int, device: torch.device) -> None:
        if index not in self._on_host:
            return
        self._on_host.remove(index)
        if device.type != "cuda":
            layers[index].map_tensors(lambda tensor: self.to_device(tensor, device))
            return
        if self._stream is None:
            self._stream = torch.cuda.Stream(device)
        leaving = self._leaving.pop(index, None)
        if leaving is not None:
            self._stream.wait_event(leaving)
        with torch.cuda.stream(self._stream):
            layers[index].map_tensors(lambda tensor: self.to_device(tensor, device))
        self._coming[index] = self._stream.record_event()

    def _arrive(self, layers: list[CacheLayer], index: int) -> None:
        event = self._coming.pop(index, None)
        if event is None:
            return
        current = torch.cuda.current_stream(self._stream.device)
        current.wait_event(event)

        def claim(tensor: Tensor) -> Tensor:
            tensor.record_stream(current)  # it was allocated by the other stream, which must not reuse it too early
            return tensor

        layers[index].map_tensors(claim)

    def _send(self, layers: list[CacheLayer], index: int) -> None:
        if index in self._on_host:
            return
        self._arrive(layers, index)
        cuda: list[torch.device] = []

        def leave(tensor: Tensor) -> Tensor:
            if tensor.device.type == "cuda":
                cuda.append(tensor.device)
            return self.to_host(tensor)

        layers[index].map_tensors(leave)
        self._on_host.add(index)
        if cuda:
            self._leaving[index] = torch.cuda.current_stream(cuda[0]).record_event()

    def to_device(self, tensor: Tensor, device: torch.device) -> Tensor:
        """`tensor` on the accelerator."""
        return tensor.to(device, non_blocking=True)

    def to_host(self, tensor: Tensor) -> Tensor:
        """`tensor` in the host's memory; for CUDA in pages that the card can reach by itself."""
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.device.type == "cuda")
        return host.copy_(tensor, non_blocking=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Transfer":
        twin = type(self)(self.only_non_sliding)
        twin._on_host, twin._device = set(self._on_host), self._device
        return twin
