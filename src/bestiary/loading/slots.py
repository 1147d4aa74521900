"""The tensors of a model under all their names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(eq=False)
class Slot:
    """One tensor of a model, with every module attribute that holds it (`places`) and all its names, the main one first."""

    names: list[str]
    places: list[tuple[nn.Module, str]]
    tensor: torch.Tensor
    persistent: bool

    @property
    def name(self) -> str:
        """The name under which the tensor is loaded and saved; the others are tied to it."""
        return self.names[0]

    def current(self) -> torch.Tensor:
        """What the model holds in this place now (an initialisation may have replaced the object)."""
        module, local = self.places[0]
        value: torch.Tensor = getattr(module, local)
        return value

    def put(self, tensor: torch.Tensor) -> None:
        """Make `tensor` the value everywhere; a parameter stays a parameter with its flag and attributes."""
        value = tensor
        if isinstance(self.tensor, nn.Parameter):
            trainable = self.tensor.requires_grad and (tensor.is_floating_point() or tensor.is_complex())
            value = nn.Parameter(tensor, requires_grad=trainable)
            value.__dict__.update(self.tensor.__dict__)
        for module, local in self.places:
            home: dict[str, Any] = module._parameters if local in module._parameters else module._buffers
            home[local] = value
        self.tensor = value


def slots_of(model: nn.Module, tied: Mapping[str, str] | None = None) -> dict[str, Slot]:
    """Every name of a parameter or buffer -> its slot. Names of one object share a slot, and so do both sides of a tie.

    Args:
        tied: target -> source; the source's name becomes the name of the slot.
    """
    by_name: dict[str, Slot] = {}
    by_id: dict[int, Slot] = {}
    for prefix, module in model.named_modules(remove_duplicate=False):
        for local, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is None:
                continue
            name = f"{prefix}.{local}" if prefix else local
            slot = by_id.setdefault(id(tensor), Slot([], [], tensor, local not in module._non_persistent_buffers_set))
            slot.names.append(name)
            slot.places.append((module, local))
            by_name[name] = slot
    for target, source in (tied or {}).items():
        if target not in by_name or source not in by_name:
            continue
        target_slot, source_slot = by_name[target], by_name[source]
        if target_slot is source_slot:
            source_slot.names.sort(key=lambda name: name != source)
            continue
        source_slot.names += target_slot.names
        source_slot.places += target_slot.places
        by_name.update(dict.fromkeys(target_slot.names, source_slot))
    return by_name


def untie(model: nn.Module, names: Iterable[str]) -> None:
    """Give each of the parameters `names` a tensor of its own, without values yet, in place of the one that it shares."""
    for name in names:
        parent, _, local = name.rpartition(".")
        shared = model.get_parameter(name)
        apart = nn.Parameter(torch.empty_like(shared), requires_grad=shared.requires_grad)
        model.get_submodule(parent)._parameters[local] = apart


def distinct(slots: Mapping[str, Slot]) -> Iterable[Slot]:
    """Each slot once, in the model's order, without those whose places layers in few bits took (`plan.Placer`)."""
    return {id(slot): slot for slot in slots.values() if slot.names}.values()
