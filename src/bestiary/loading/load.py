"""Weights go from their file to their place in the model, each once, and every tensor is accounted for before any is read."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from ..core.errors import LoadError
from ..core.logging import warn_once
from .checkpoint import Checkpoint
from .few_bits import FewBits
from .plan import LoadPlan as LoadPlan
from .plan import Placer
from .report import LoadReport, fold
from .rules import Recipe, Rule, on_load
from .slots import Slot, distinct, slots_of, untie


def load_weights(
    model: nn.Module,
    checkpoint: Checkpoint,
    *,
    plan: LoadPlan = LoadPlan(),
    prefix: str = "",
    renames: Sequence[Rule] = (),
    tied: Mapping[str, str] | None = None,
    head_is_new: bool = False,
    ignore_unexpected: Sequence[str] = (),
    allow_missing: Sequence[str] = (),
    computed: Sequence[str] = (),
    ignore_mismatched_sizes: bool = False,
    saved_as: str = "",
    initialise: Callable[[set[str]], None],
) -> LoadReport:
    """Fill `model` (on the meta device or not) from `checkpoint`.

    Every parameter and buffer must come from the file, from a tie, or be allowed to be new: by `allow_missing`, by
    `ignore_mismatched_sizes`, or because the checkpoint was saved by a class with another head (`head_is_new`) and no
    tensor of that module is in the file. New tensors are given memory and handed to `initialise` by name; a warning names
    them, and those of the file that have no place in the model. Both sides of a tie that differ in the file are kept, untied,
    with a warning.

    Args:
        saved_as: the class that the checkpoint says it holds, for the error.
        prefix: attribute that holds the backbone in classes with a head; a file with or without it can be opened by both.
        tied: target -> source, names in this model.
        ignore_unexpected, allow_missing: regular expressions, searched in names. computed: those of tensors that are what they
            start as, so that nobody need be told of one that the file lacks.

    Raises:
        LoadError: tensors are missing, misshapen or in conflict, all named with those left over; or `initialise` left one
            unfilled.
    """
    tied = dict(tied or {})
    slots = slots_of(model, tied)
    recipes, outside = _match(_of_text_half(on_load(renames, checkpoint.keys), slots, prefix), slots, prefix)
    report = LoadReport(checkpoint.name, model=type(model).__name__, saved_as=saved_as)
    few_bits = FewBits(model, recipes, report, checkpoint.keys)
    if few_bits.changed:
        slots = slots_of(model, tied)
    if differ := _differing(tied, slots, recipes, checkpoint):
        report.untied = list(differ)
        untie(model, differ)
        slots = slots_of(model, {target: source for target, source in tied.items() if target not in differ})
    judge = _Judge(slots, prefix, head_is_new, ignore_unexpected, allow_missing, computed)
    assigned = _assign(slots, recipes, checkpoint, report, ignore_mismatched_sizes)
    judge.leftovers(recipes, outside, report)
    judge.absent(assigned, recipes, report)
    report.raise_if_bad()
    _warn(model, report, [*judge.dropped, *report.unexpected])
    few_bits.fill(checkpoint, plan)
    _place(slots, assigned, checkpoint, plan, report)
    _fill_new(slots, plan, report, initialise)
    for slot in distinct(slots):
        for other in slot.names[1:]:
            report.sources[other], report.tied[other] = f"tied to {slot.name}", slot.name
    return report


def _of_text_half(recipes: dict[str, Recipe], slots: Mapping[str, Slot], prefix: str) -> dict[str, Recipe]:
    """The recipes, of a model of several parts those of its half for texts under the names that this has by itself."""
    starts = {"model.language_model.": f"{prefix}." if prefix else "", "language_model.": ""}
    if any(name.startswith(tuple(starts)) for name in slots):
        return recipes
    result: dict[str, Recipe] = {}
    for name, recipe in recipes.items():
        start = next((start for start in starts if name.startswith(start)), "")
        alone = starts.get(start, "") + name.removeprefix(start)
        result[name if alone in result or alone in recipes else alone] = recipe
    return result


def _match(recipes: dict[str, Recipe], slots: Mapping[str, Slot], prefix: str) -> tuple[dict[str, Recipe], list[str]]:
    """The recipes under the model's names, and the keys outside the backbone when only the backbone is loaded."""
    dot = f"{prefix}."
    in_model = bool(prefix) and any(name.startswith(dot) for name in slots)
    in_file = bool(prefix) and any(name.startswith(dot) for name in recipes)
    if in_model and not in_file:
        return {(name if name in slots else dot + name): value for name, value in recipes.items()}, []
    if in_file and not in_model:
        inner = {name.removeprefix(dot): value for name, value in recipes.items() if name.startswith(dot)}
        return inner, [name for name in recipes if not name.startswith(dot)]
    return recipes, []


def _differing(
    tied: Mapping[str, str], slots: Mapping[str, Slot], recipes: Mapping[str, Recipe], checkpoint: Checkpoint
) -> dict[str, str]:
    """The ties, target -> source, of whose two sides the file holds other values; they are told."""
    here = {target: source for target, source in tied.items() if {target, source} <= slots.keys() & recipes.keys()}
    differ = {target: source for target, source in here.items() if not _equal(recipes[target], recipes[source], checkpoint)}
    for target, source in differ.items():
        text = (
            f"the config ties {target} to {source}, and {checkpoint.name} holds both with other values: each keeps its own;"
            " tie_word_embeddings=False in the config says so"
        )
        warn_once("untied", text, about=text)
    return differ


def _shape_of(recipe: Recipe, checkpoint: Checkpoint) -> torch.Tensor:
    """The tensor as it will be, on the meta device."""
    infos = checkpoint.keys
    return recipe.build(lambda key: torch.empty(infos[key].shape, dtype=infos[key].dtype, device="meta"))


def _assign(
    slots: Mapping[str, Slot], recipes: Mapping[str, Recipe], checkpoint: Checkpoint, report: LoadReport, allow_sizes: bool
) -> dict[str, Recipe]:
    """First name of a slot -> the recipe of its tensor. Where the file holds several sides of a tie they must be equal."""
    assigned: dict[str, Recipe] = {}
    for slot in distinct(slots):
        present = [name for name in slot.names if name in recipes]
        if not present:
            continue
        recipe, name = recipes[present[0]], slot.name
        value = _shape_of(recipe, checkpoint)
        if value.shape != slot.tensor.shape:
            (report.reshaped if allow_sizes else report.mismatched).append((name, tuple(value.shape), tuple(slot.tensor.shape)))
            continue
        if value.is_floating_point() != slot.tensor.is_floating_point():
            report.conflicts.append(f"{name} is {value.dtype} in the file and {slot.tensor.dtype} in the model")
        for other in present[1:]:
            if not _equal(recipe, recipes[other], checkpoint):
                report.conflicts.append(
                    f"{present[0]} and {other} are one tensor in this model but differ in the file; untie them in the "
                    "config (tie_word_embeddings=False) to keep both"
                )
        assigned[name] = recipe
    return assigned


def _equal(a: Recipe, b: Recipe, checkpoint: Checkpoint) -> bool:
    """Whether both recipes give the same dtype, shape and bytes."""
    first, second = a.build(checkpoint.tensor), b.build(checkpoint.tensor)
    same = first.dtype == second.dtype and first.shape == second.shape
    same = same and torch.equal(first.reshape(-1).view(torch.uint8), second.reshape(-1).view(torch.uint8))  # NaN equals itself
    for key in (*a.sources, *b.sources):
        checkpoint.drop(key)
    return same


class _Judge:
    """Sorts tensors without a counterpart in the file or the model into allowed ones and errors of the report."""

    def __init__(
        self,
        slots: Mapping[str, Slot],
        prefix: str,
        head_is_new: bool,
        ignore: Sequence[str],
        allow: Sequence[str],
        computed: Sequence[str],
    ) -> None:
        self.slots, self.head_is_new, self.ignore, self.allow, self.computed = slots, head_is_new, ignore, allow, computed
        dot = f"{prefix}."
        self.dot = dot if prefix and any(name.startswith(dot) for name in slots) else ""
        self.parts = {name.removeprefix(self.dot).partition(".")[0] for name in slots if name.startswith(self.dot)}
        self.dropped: list[str] = []

    def leftovers(self, recipes: Mapping[str, Recipe], outside: list[str], report: LoadReport) -> None:
        """Keys of the file without a place: allowed outside the backbone when the head is another one."""
        report.unused += outside
        for name in recipes:
            if name in self.slots:
                continue
            inside = name.startswith(self.dot) and name.removeprefix(self.dot).partition(".")[0] in self.parts
            if any(re.search(pattern, name) for pattern in self.ignore):
                report.unused.append(name)
            elif self.head_is_new and not inside:
                report.unused.append(name)
                self.dropped.append(name)
            else:
                report.unexpected.append(name)

    def absent(self, assigned: Mapping[str, Recipe], recipes: Mapping[str, Recipe], report: LoadReport) -> None:
        """Tensors of the model without a source: allowed by name, or as part of a head none of which is in the file."""
        reshaped, mismatched = {name for name, *_ in report.reshaped}, {name for name, *_ in report.mismatched}
        file_modules = {name.rpartition(".")[0] for name in recipes}  # the modules that the file holds, or a part of
        for slot in distinct(self.slots):
            name = slot.name
            if name in assigned or name in mismatched:
                continue
            if not slot.persistent and not slot.tensor.is_meta:
                report.sources[name] = "computed"
                continue
            if any(re.search(pattern, each) for pattern in self.computed for each in slot.names):
                report.computed.append(name)
                continue
            head = self.head_is_new and bool(self.dot) and not any(each.startswith(self.dot) for each in slot.names)
            new_head = head and not any(each.rpartition(".")[0] in file_modules for each in slot.names)
            allowed = any(re.search(pattern, each) for pattern in self.allow for each in slot.names)
            (report.initialised if name in reshaped or new_head or allowed else report.missing).append(name)


def _warn(model: nn.Module, report: LoadReport, dropped: list[str]) -> None:
    lines = []
    if report.initialised:
        lines.append(f"new, to be trained: {', '.join(fold(report.initialised))}")
    if dropped:
        lines.append(f"in the file, not used: {', '.join(fold(dropped))}")
    if lines:
        name = type(model).__name__
        text = f"{name} was loaded from {report.checkpoint}, which lacks some of its weights or holds others;\n" + ";\n".join(
            lines
        )
        warn_once("new-weights", text, about=text)


def _place(
    slots: Mapping[str, Slot], assigned: Mapping[str, Recipe], checkpoint: Checkpoint, plan: LoadPlan, report: LoadReport
) -> None:
    """Read, convert and put each tensor, in file order, giving back what is not needed before the next."""
    order = {key: index for index, key in enumerate(checkpoint.keys)}
    with Placer(plan, report) as placer:
        for name, recipe in sorted(assigned.items(), key=lambda item: order[item[1].sources[0]]):
            slot, shape = slots[name], _shape_of(recipe, checkpoint)
            report.sources[name] = " + ".join(map(checkpoint.where, recipe.sources))
            dtype = plan.dtype_of(name, shape.dtype) if shape.is_floating_point() else slot.tensor.dtype
            if dtype != shape.dtype:
                report.converted[name] = (shape.dtype, dtype)
            read = partial(recipe.build, checkpoint.tensor)
            if placer.place(slot, shape.to(dtype), read, _entry(recipe, dtype, checkpoint)):
                for key in recipe.sources:
                    checkpoint.drop(key)


def _entry(recipe: Recipe, dtype: torch.dtype, checkpoint: Checkpoint) -> dict[str, str] | None:
    """Where a tensor can be read again just as the model needs it: in a safetensors file, unchanged."""
    info = checkpoint.keys[recipe.sources[0]]
    if (
        not recipe.plain
        or dtype != info.dtype
        or checkpoint.format != "safetensors"
        or checkpoint.is_decoded(recipe.sources[0])
    ):
        return None
    name = checkpoint.stored_name(recipe.sources[0])
    return {"safetensors_file": str(info.file), "weight_name": name, "dtype": str(dtype).removeprefix("torch.")}


@contextmanager
def _siblings_aside(new: Sequence[Slot], names: set[str], slots: Mapping[str, Slot]) -> Iterator[None]:
    """Set zeros, inside, in place of the loaded tensors of modules with a new one: initialisation overwrites whole modules."""
    owners = {id(module) for slot in new for module, _ in slot.places}
    loaded = [slot for slot in distinct(slots) if slot.name not in names and any(id(m) in owners for m, _ in slot.places)]
    values = [slot.tensor for slot in loaded]
    for slot in loaded:
        slot.put(torch.zeros_like(slot.tensor, device="cpu"))
    try:
        yield
    finally:
        for slot, value in zip(loaded, values, strict=True):
            slot.put(value)


def _fill_new(slots: Mapping[str, Slot], plan: LoadPlan, report: LoadReport, initialise: Callable[[set[str]], None]) -> None:
    """Give the allowed new tensors memory and values. They start as NaN, so that one left out is noticed, not random."""
    shapes: dict[str, torch.Tensor] = {}
    new = [*report.initialised, *report.computed]
    for name in new:
        slot = slots[name]
        report.sources[name] = "computed" if name in report.computed else "initialised"
        shapes[name] = torch.empty_like(slot.tensor, dtype=plan.dtype_of(name, slot.tensor.dtype), device="meta")
        device = plan.device_of(name)
        blank = torch.nan if shapes[name].is_floating_point() else 0
        slot.put(torch.full_like(shapes[name], blank, device="cpu" if device == "disk" else device))
    with _siblings_aside([slots[name] for name in new], set(new), slots):
        if new:
            initialise({each for name in new for each in slots[name].names})
    unfilled = [name for name in new if slots[name].current().isnan().any()]
    if unfilled:
        raise LoadError(f"{', '.join(fold(unfilled))}: not in the file, and the model's initialisation does not fill it")
    with Placer(plan, report) as placer:
        for name, shape in shapes.items():
            if plan.device_of(name) == "disk":
                placer.place(slots[name], shape, slots[name].current)
