"""Weights that are shared out among processes by FSDP2 (Zhao et al. 2023, arXiv 2304.11277): made so, whole again, put back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError
from ...core.logging import warn_once
from ...nn.layer import Layer
from ...nn.reversible import ReversibleLayer
from ..launcher import processes_of_machine
from ..processes import Processes
from .plan import Plan


def is_sharded(model: Any) -> bool:
    """Whether the weights of a model are shared out."""
    return hasattr(model, "set_requires_gradient_sync")


def shard(model: nn.Module, plan: Plan, processes: Processes) -> nn.Module:
    """Share the weights of `model` out among all processes, in place; each begins with those of the first process.

    Modules that `plan` names are gathered one at a time, the rest of the model together. Its class becomes one derived from
    it, and its parameters are new objects. What is gathered stays fp32: in bf16 compute those who use it, as without sharing.
    Parameters without a dimension stay as they are; see `scalars`.

    Raises:
        ArgumentError: the plan names no module of this model.
    """
    from torch.distributed.fsdp import CPUOffloadPolicy, fully_shard

    if is_sharded(model):
        return model
    device = processes.device
    mesh = _mesh(device.type, plan.copies)
    units = units_of(model, plan)
    first_weights = _take_weights(model) if plan.loads_in_first else None
    if first_weights is None:
        processes.send_from_first((*model.parameters(), *model.buffers()))
    scalars = {each for each in model.parameters() if not each.dim()}
    for each in scalars:
        each.data = each.data.to(each.device if each.is_meta else device)
    options: dict[str, Any] = {"mesh": mesh, "reshard_after_forward": plan.reshards, "ignored_params": scalars}
    if plan.offloads:
        options["offload_policy"] = CPUOffloadPolicy(pin_memory=device.type == "cuda")
    for unit in reversed(units):  # what is within another first
        with _unobserved(unit):
            fully_shard(unit, **options)
    with _unobserved(model):
        fully_shard(model, **options)
    if plan.prefetches:
        for unit, following in pairwise(units):
            unit.set_modules_to_forward_prefetch([following])  # type: ignore[operator]
    if first_weights is not None:
        _fill(model, first_weights, torch.device("cpu") if plan.offloads else device)
    return model


def units_of(model: nn.Module, plan: Plan) -> list[nn.Module]:
    """The modules that are gathered alone, in the order in which the model holds them.

    Raises:
        ArgumentError: there is none, and the plan names some.
    """
    if plan.policy == "NO_WRAP":
        return []
    units = _large(model, plan.least) if plan.policy == "SIZE_BASED_WRAP" else _named(model, plan)
    chosen = {id(each) for each in units} - {id(model)} - _not_alone(model)
    if not chosen and plan.policy != "SIZE_BASED_WRAP":
        warn_once(
            "no-layers", f"{type(model).__name__} has no layers that can be gathered one at a time: its weights are together"
        )
    return [each for each in model.modules() if id(each) in chosen]


def _named(model: nn.Module, plan: Plan) -> Iterator[nn.Module]:
    """The modules of the classes that a plan or the model names, and the tables within."""
    names = set(plan.classes or getattr(model, "_no_split_modules", None) or ())
    class_names = {type(each).__name__ for each in model.modules()}
    if plan.classes and (missing := names - class_names):
        raise ArgumentError(
            f"transformer_layer_cls_to_wrap names {', '.join(sorted(missing))}, and the model has no such module; it has"
            f" {', '.join(sorted(class_names))}"
        )
    # A model of this library may use parts of what stands around its layers without calling it as a whole.
    ours = not plan.classes and any(isinstance(each, Layer) for each in model.modules())
    for unit in model.modules():
        if type(unit).__name__ in names and (isinstance(unit, Layer) or not ours):
            # Tables in a layer, of relative positions, are looked up once for all layers.
            yield from (each for each in unit.modules() if isinstance(each, nn.Embedding))
            yield unit


def _not_alone(model: nn.Module) -> set[int]:
    """Modules, by `id`, whose weights are used where nobody calls the module.

    Reversible layers compute their parts anew in the backward pass; and a weight that is tied may stand within and outside.
    """
    apart = {id(part) for each in model.modules() if isinstance(each, ReversibleLayer) for part in each.modules()}
    holders: dict[int, int] = {}
    for module in model.modules():
        for weight in module.parameters(recurse=False):
            holders[id(weight)] = holders.get(id(weight), 0) + 1
    tied = {weight for weight, count in holders.items() if count > 1}
    if not tied:
        return apart
    for module in model.modules():
        within: dict[int, int] = {}
        for part in module.modules():
            for weight in part.parameters(recurse=False):
                within[id(weight)] = within.get(id(weight), 0) + 1
        if any(within[weight] < holders[weight] for weight in tied & within.keys()):
            apart.add(id(module))
    return apart


def _large(model: nn.Module, least: int) -> list[nn.Module]:
    """Modules with at least `least` parameters besides those in smaller such modules, inner ones first."""
    taken: list[nn.Module] = []

    def count(module: nn.Module) -> int:
        direct = sum(each.numel() for each in module.parameters(recurse=False))
        size = direct + sum(count(child) for child in module.children())
        if size < least or module is model or isinstance(module, nn.ModuleList | nn.ModuleDict):
            return size
        taken.append(module)
        return 0

    count(model)
    return taken[::-1]


@cache
def _mesh(kind: str, copies: bool) -> Any:
    """All processes; with `copies` those of each machine in a row."""
    from torch import distributed as dist
    from torch.distributed.device_mesh import init_device_mesh

    count = dist.get_world_size()
    if not copies:
        return init_device_mesh(kind, (count,))
    local = processes_of_machine(count)
    if count % local:
        raise ArgumentError(
            f"hybrid_shard needs as many processes on each machine: {count} in all are not so many times {local}"
        )
    return init_device_mesh(kind, (count // local, local), mesh_dim_names=("copies", "shards"))


@contextmanager
def _unobserved(module: nn.Module) -> Iterator[None]:
    """A context in which hooks may be added that do not look at how a block of this library is called."""
    observed = getattr(module, "_is_observed", None)
    yield
    if observed is False:
        module._is_observed = False  # type: ignore[assignment]


@contextmanager
def as_itself(model: nn.Module) -> Iterator[None]:
    """A context in which a model is of the class that it was made of, whose name its files get."""
    kind = type(model)
    if is_sharded(model):
        model.__class__ = kind.__bases__[1]  # the class that FSDP made derives from its own part, then from the model's
    try:
        yield
    finally:
        model.__class__ = kind


# Weights of the first process for all.


def _take_weights(model: Any) -> dict[str, Tensor]:
    """What the first process opened, by name; empty in the others. The model is left without data."""
    from torch import distributed as dist

    ties = _ties(model)
    kept: dict[str, Tensor] = {}
    if dist.get_rank() == 0:
        kept = {name: each.detach() for name, each in (*model.named_parameters(), *model.named_buffers())}
    model.to("meta")
    for first, others in ties.items():
        for name in others:
            holder, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(holder), attribute, model.get_parameter(first))
    return kept


def _ties(model: nn.Module) -> dict[str, list[str]]:
    """The names of each parameter that has several, by the first of them."""
    names: dict[int, list[str]] = {}
    for name, each in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(each), []).append(name)
    return {first: others for first, *others in names.values() if others}


def _fill(model: nn.Module, weights: Mapping[str, Tensor], device: torch.device) -> None:
    """Give a model without data its part of what the first process holds."""
    from torch import distributed as dist
    from torch.distributed.tensor import DTensor

    model.to_empty(device=device)
    for name, each in (*model.named_parameters(), *model.named_buffers()):
        mesh_device = each.device_mesh.device_type if isinstance(each, DTensor) else device
        whole = weights[name].to(mesh_device) if weights else torch.empty(each.shape, dtype=each.dtype, device=mesh_device)
        dist.broadcast(whole, src=0)
        with torch.no_grad():
            each.copy_(part_of(whole, each))


# Between parts and the whole.


def whole_of(value: Any) -> Any:
    """A tensor, or tensors in dicts and lists, of which each process holds a part, whole in memory of the host.

    Every process has to call it, and all get the whole, one tensor after another; keep it where it is needed.
    """
    if isinstance(value, Mapping):
        return {name: whole_of(each) for name, each in value.items()}
    if isinstance(value, list):
        return [whole_of(each) for each in value]
    if hasattr(value, "full_tensor"):
        value = value.detach().to(value.device_mesh.device_type).full_tensor()
    return value.detach().cpu() if isinstance(value, Tensor) else value


def whole_in_first(state: Mapping[str, Any], keep: bool) -> dict[str, Any] | None:
    """The same of a state, kept in the processes that say `keep`; None in the others."""
    kept: dict[str, Any] = {}
    for name, each in state.items():
        whole = whole_of(each) if not isinstance(each, dict) else whole_in_first(each, keep)
        if keep:
            kept[name] = whole
    return kept if keep else None


def part_of(whole: Tensor, like: Any) -> Tensor:
    """This process's part of a tensor that each process has whole, shared out as `like` is."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(like, DTensor):
        return whole
    on_device = whole.to(like.device_mesh.device_type)
    part = distribute_tensor(on_device, like.device_mesh, like.placements, src_data_rank=None)
    return part.to(like.device)


def parts_of_optimizer(state: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of an optimizer as one process saved it, each tensor shared out as its parameter is."""
    parameters = [each for group in optimizer.param_groups for each in group["params"]]

    def parts(values: dict[str, Any], like: Any) -> dict[str, Any]:
        return {name: _moment(value, like) if isinstance(value, Tensor) else value for name, value in values.items()}

    whole_states = {
        index: parts(values, parameters[index]) for index, values in state["state"].items() if index < len(parameters)
    }
    return {**state, "state": state["state"] | whole_states}


def _moment(whole: Tensor, like: Any) -> Tensor:
    """This process's part of what an optimizer keeps of a parameter; all of it where it has another shape."""
    from torch.distributed.tensor import DTensor, Replicate, distribute_tensor

    if whole.shape == like.shape or not isinstance(like, DTensor) or not whole.dim():
        return part_of(whole, like) if whole.shape == like.shape else whole
    mesh = like.device_mesh
    return distribute_tensor(whole.to(mesh.device_type), mesh, [Replicate()] * mesh.ndim, src_data_rank=None)


def follow(optimizer: Any, names: Mapping[int, str], model: nn.Module) -> None:
    """Let an optimizer that was made before go on with the model's parameters of now.

    Args:
        names: of the former parameters, by `id`.
    """
    now = dict(model.named_parameters())
    for group in getattr(optimizer, "param_groups", ()):
        group["params"] = [now[names[id(each)]] if id(each) in names else each for each in group["params"]]


@contextmanager
def gathered(model: nn.Module, plan: Plan | None) -> Iterator[None]:
    """A context in which every process holds all weights, so that each may use them as often as it likes."""
    if plan is None or not is_sharded(model):
        yield
        return
    parts: list[Any] = [each for each in model.modules() if is_sharded(each)]
    parts[0]._get_fsdp_state()._lazy_init()  # the model is told that it is the outermost one, before a layer thinks it is
    for each in parts:
        each.set_reshard_after_forward(False, recurse=False)
        each.unshard()
    try:
        yield
    finally:
        for each in parts:
            each.set_reshard_after_forward(plan.reshards, recurse=False)
            each.reshard()
