"""Which part of a model goes to which device: computed by `accelerate` from sizes, or given by hand and checked here."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..core.errors import ConfigError, did_you_mean
from ..core.logging import warn_once
from ..core.optional import require
from ..core.sizes import parse_size

Device = torch.device | str | int
STRATEGIES = ("auto", "balanced", "balanced_low_0", "sequential")


def plan_device_map(
    model: nn.Module,
    device_map: str | Device | Mapping[str, Device],
    max_memory: Mapping[int | str, int | str] | None = None,
    no_split: Sequence[str] = (),
    dtype: torch.dtype | None = None,
    tied: Mapping[str, str] | None = None,
    keep_in_fp32: Sequence[str] = (),
) -> dict[str, Device]:
    """Module name -> device (an accelerator's index, a device, "cpu" or "disk") for every tensor of `model`.

    Args:
        model: may be on the meta device; only shapes are looked at.
        device_map: "auto" or "balanced" (every accelerator gets an equal share), "balanced_low_0" (as little as possible on
            the first), "sequential" (fill one after the other), each with what is left over on the CPU, then on disk; or one
            device for all; or a table by hand, in which naming a module covers what is inside it.
        max_memory: device -> bytes, as an integer or a text with a unit; for a device not named, all that is free.
        no_split: class names of blocks that stay on one device.
        dtype, keep_in_fp32: as in `loading.plan.LoadPlan`; they decide the sizes.
        tied: target -> source of parameters that are one.

    Raises:
        ConfigError: unknown strategy or device, a table that leaves tensors without a device, names none, or cuts a block.
        MissingDependency: a strategy is named and `accelerate` is not installed.
    """
    if isinstance(device_map, str) and device_map in STRATEGIES:
        _tie(model, tied or {})
        return _compute(model, device_map, max_memory, no_split, dtype, keep_in_fp32)
    if max_memory is not None:
        warn_once("max-memory", f"max_memory is for device_map={', '.join(map(repr, STRATEGIES))}, and has no effect on others")
    if not isinstance(device_map, Mapping):
        return {"": as_device(device_map)}
    table = {name: as_device(device) for name, device in device_map.items()}
    _check_names(model, table)
    _check_blocks(model, table, no_split)
    return table


def as_device(value: Device) -> Device:
    """`value` as an index, "cpu", "disk" or another device's name.

    Raises:
        ConfigError: it names no device and no strategy.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if value == "disk":
        return "disk"
    try:
        device = torch.device(value)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(
            f"{value!r} is no device: expected an index, 'cpu', 'disk', a torch device such as 'cuda:0', "
            f"or for the whole model one of {', '.join(STRATEGIES)}"
        ) from error
    return device.index if device.type == "cuda" and device.index is not None else str(device)


def check_available(device: Device) -> torch.device:
    """`device` (a number is an accelerator's), if this machine has it.

    Raises:
        ConfigError: it has none, with what there is.
    """
    accelerator = torch.accelerator.current_accelerator()
    if isinstance(device, int) and accelerator is None:
        raise ConfigError(f"device {device} is not there: this machine has no accelerator, only cpu")
    try:
        torch_device = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"{device!r:.80} is no device: {str(error).splitlines()[0]}") from error
    if torch_device.type not in ("cpu", "meta") and (accelerator is None or accelerator.type != torch_device.type):
        raise ConfigError(
            f"device {str(torch_device)!r} is not there: this machine has cpu"
            f"{f' and {accelerator.type}' if accelerator else ''}"
        )
    count = torch.accelerator.device_count()
    if torch_device.type not in ("cpu", "meta") and (torch_device.index or 0) >= count:
        raise ConfigError(f"device {str(torch_device)!r} is not there: this machine has {count} of its kind")
    return torch_device


def device_at(table: Mapping[str, Device], name: str) -> Device | None:
    """The device of the tensor or module `name`: its own entry, or that of the nearest module around it."""
    parts = name.split(".")
    enclosing = [".".join(parts[:count]) for count in range(len(parts), -1, -1)]
    return next((table[module] for module in enclosing if module in table), None)


def _tensors(model: nn.Module) -> list[str]:
    """Every name of every parameter and buffer."""
    parameters = model.named_parameters(remove_duplicate=False)
    return [name for name, _ in parameters] + [name for name, _ in model.named_buffers(remove_duplicate=False)]


def _check_names(model: nn.Module, table: Mapping[str, Device]) -> None:
    tensors = _tensors(model)
    names = {name for name, _ in model.named_modules(remove_duplicate=False)} | set(tensors)
    for name in table:
        if name not in names:
            raise ConfigError(
                f"device_map names {name!r:.80}, which is no part of {type(model).__name__}.{did_you_mean(name, names)}"
            )
    if uncovered := [name for name in tensors if device_at(table, name) is None]:
        some = ", ".join(uncovered[:8]) + (f" and {len(uncovered) - 8} more" if len(uncovered) > 8 else "")
        raise ConfigError(f"device_map gives no device for {some}; name them, a module around them, or '' for all the rest")


def _check_blocks(model: nn.Module, table: Mapping[str, Device], no_split: Sequence[str]) -> None:
    for name, module in model.named_modules():
        if type(module).__name__ not in no_split:
            continue
        inside = {key: device for key, device in table.items() if key.startswith(f"{name}.")}
        devices = {str(device) for device in inside.values()} | {
            str(device_at(table, f"{name}.{local_name}")) for local_name in _tensors(module)
        }
        if len(devices) > 1:
            raise ConfigError(
                f"device_map cuts {name} ({type(module).__name__}), which must be on one device, at {', '.join(inside)}"
            )


def _compute(
    model: nn.Module,
    strategy: str,
    max_memory: Mapping[int | str, int | str] | None,
    no_split: Sequence[str],
    dtype: torch.dtype | None,
    keep_in_fp32: Sequence[str],
) -> dict[str, Device]:
    utils: Any = require("accelerate.utils", f"device_map={strategy!r}")
    blocks = list(no_split) or None
    fp32 = {name: torch.float32 for name in _tensors(model) if any(f".{part}." in f".{name}." for part in keep_in_fp32)}
    memory = _capacities(utils, max_memory)
    if strategy != "sequential":
        memory = utils.get_balanced_memory(
            model,
            memory,
            no_split_module_classes=blocks,
            dtype=dtype,
            special_dtypes=fp32,
            low_zero=strategy == "balanced_low_0",
        )
    table: dict[str, Device] = dict(
        utils.infer_auto_device_map(model, max_memory=memory, no_split_module_classes=blocks, dtype=dtype, special_dtypes=fp32)
    )
    if len(set(table.values())) > 1 and not no_split:
        raise ConfigError(
            f"{type(model).__name__} does not fit on one device and does not say which blocks must stay whole "
            "(_no_split_modules); give device_map as a table"
        )
    return table


def _capacities(utils: Any, limits: Mapping[int | str, int | str] | None) -> dict[int | str, int]:
    """Bytes for every device, accelerators first, the CPU last: `limits` where they name a device, else what is free."""
    free: dict[int | str, int] = utils.get_max_memory()
    limit_bytes = {
        device: size if size == 0 and isinstance(size, int) else parse_size(size) for device, size in (limits or {}).items()
    }
    capacities = {**free, **limit_bytes}
    indices: list[int | str] = sorted(device for device in capacities if isinstance(device, int))
    names: list[int | str] = sorted(
        (name for name in capacities if isinstance(name, str)), key=lambda name: ("cpu", "disk").count(name)
    )
    return {device: capacities[device] for device in indices + names}


def _tie(model: nn.Module, tied: Mapping[str, str]) -> None:
    """Make both sides of each tie one object, so that they are counted once and stay together."""
    for target, source in tied.items():
        module, _, leaf = target.rpartition(".")
        setattr(model.get_submodule(module), leaf, model.get_parameter(source))
