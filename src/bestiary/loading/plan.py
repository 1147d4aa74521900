"""How and where tensors are stored in the model (`LoadPlan`), and what puts them there (`Placer`)."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from ..core.errors import ConfigError
from ..core.free_memory import Freed
from ..nn.quantized import QuantizedLinear
from ..nn.quantized_stack import fill_stack, stack_of
from ..placement.device_map import Device, device_at
from ..placement.offload import store
from .report import LoadReport
from .slots import Slot


@dataclass(frozen=True)
class LoadPlan:
    """How tensors are stored in the model.

    dtype: of floating tensors; None keeps what the file holds.
    keep_in_fp32: module or parameter names (whole parts of a dotted name) whose tensors are always float32.
    part_dtypes: module name -> dtype of all floating tensors in it, whatever the model's is.
    device_map: module name -> device or "disk"; None puts all on the CPU, mapped from the file where possible.
    offload_folder: where tensors for "disk" are written when the checkpoint itself cannot serve as the store.
    offload_state_dict: converted CPU tensors wait in a temporary folder until all files have been read.
    """

    dtype: torch.dtype | None = None
    keep_in_fp32: Sequence[str] = ()
    device_map: Mapping[str, Device] | None = None
    offload_folder: str | os.PathLike[str] | None = None
    offload_state_dict: bool = False
    part_dtypes: Mapping[str, torch.dtype] = field(default_factory=dict)

    def dtype_of(self, name: str, dtype: torch.dtype) -> torch.dtype:
        """The dtype in the model of the tensor `name`, whose dtype in the file is `dtype`."""
        if not dtype.is_floating_point:
            return dtype
        if any(f".{part}." in f".{name}." for part in self.keep_in_fp32):
            return torch.float32
        for part, of_part in self.part_dtypes.items():
            if name.startswith(f"{part}."):
                return of_part
        return self.dtype or dtype

    def device_of(self, name: str) -> Device:
        """The device of the tensor `name`: that of the nearest enclosing module in the map."""
        if self.device_map is None:
            return "cpu"
        if (device := device_at(self.device_map, name)) is not None:
            return device
        raise ConfigError(f"device_map gives no device for {name!r}; name it, a module around it, or '' for everything")


class Placer:
    """Context manager that puts tensors where the plan says; its exit loads what `offload_state_dict` had set aside on disk."""

    def __init__(self, plan: LoadPlan, report: LoadReport) -> None:
        self.plan, self.report = plan, report
        self._aside: tempfile.TemporaryDirectory[str] | None = None
        self._waiting: list[tuple[Slot, Path, torch.Tensor]] = []
        self._freed = Freed()

    def __enter__(self) -> Self:
        if self.plan.offload_state_dict:
            self._aside = tempfile.TemporaryDirectory(prefix="bestiary-")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._freed.give_back()
        if self._aside is None:
            return
        with self._aside:
            for slot, path, shape in self._waiting if error is None else []:
                raw = torch.from_file(str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8)
                slot.put(raw.clone().view(shape.dtype).view(shape.shape))
                path.unlink()

    def place(
        self, slot: Slot, shape: torch.Tensor, read: Callable[[], torch.Tensor], entry: dict[str, Any] | None = None
    ) -> bool:
        """Put the tensor that `read` gives into `slot`; returns whether its source need not stay in memory.

        Args:
            shape: the tensor as it shall be, on the meta device.
            entry: where a tensor for the disk can be read later just as it is; None: it has to be written.
        """
        if any(_in_few_bits(module, local) for module, local in slot.places):
            return self._quantize(slot, shape, read)
        devices = {name: self._device_of(slot, name) for name in slot.names}
        on_disk = [name for name, device in devices.items() if device == "disk"]
        device = next((device for device in devices.values() if device != "disk"), None)
        if device is None and entry is not None:
            slot.put(shape)
            self.report.offload_index.update(dict.fromkeys(on_disk, entry))
            return True
        raw = read()
        tensor = raw.to("cpu" if device is None else device, shape.dtype).contiguous()
        fresh = tensor.untyped_storage().data_ptr() != raw.untyped_storage().data_ptr()
        if on_disk:
            self.report.offload_index.update(dict.fromkeys(on_disk, entry or self._store(slot.name, tensor)))
        if device is None:
            slot.put(shape)
        elif self._aside is not None and fresh and tensor.device.type == "cpu" and tensor.nbytes:
            path = Path(self._aside.name) / str(len(self._waiting))
            tensor.reshape(-1).view(torch.uint8).numpy().tofile(path)
            self._waiting.append((slot, path, shape))
        else:
            slot.put(tensor)
        return fresh or device is None

    def _quantize(self, slot: Slot, shape: torch.Tensor, read: Callable[[], torch.Tensor]) -> bool:
        """Fill the layers whose weight `slot` is; other places of it, such as an embedding that a head shares, keep numbers."""
        tensor = read().to(shape.dtype)
        for name, (module, local) in zip(list(slot.names), list(slot.places), strict=True):
            if _in_few_bits(module, local):
                slot.names.remove(name)
                slot.places.remove((module, local))
                weight = tensor.to(self._device_of(slot, name))
                if isinstance(module, QuantizedLinear):
                    module.fill(weight)
                else:
                    fill_stack(module, local, weight)
        self._freed.add(4 * tensor.nbytes)  # with what computing the codes takes
        return self.place(slot, shape, lambda: tensor) if slot.places else True

    def _device_of(self, slot: Slot, name: str) -> Device:
        device = self.plan.device_of(name)
        buffer = not isinstance(slot.tensor, torch.nn.Parameter)
        return "cpu" if buffer and device == "disk" else device  # buffers are small and stay at hand

    def _store(self, name: str, tensor: torch.Tensor) -> dict[str, Any]:
        if self.plan.offload_folder is None:
            raise ConfigError(
                f"the device_map places {name!r} on disk, but the checkpoint cannot serve as the store (another dtype, "
                "another layout, or no safetensors file): give offload_folder, a folder to write it to"
            )
        return store(name, tensor, self.plan.offload_folder)


def _in_few_bits(module: torch.nn.Module, name: str) -> bool:
    """Whether the parameter `name` of `module` is to be quantized."""
    return (isinstance(module, QuantizedLinear) and name == "weight") or stack_of(module, name) is not None
