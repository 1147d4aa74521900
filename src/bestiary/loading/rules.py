"""Names and layouts of tensors in files that differ from ours, as reversible rules.

A rule joins templates of stored names to templates of our names. A template covers the end of a name, from a dot on; `{}`
stands for one part (a layer number), `{*}` for one or more. What comes before is kept: `h.{}.attn.weight` fits
`transformer.h.3.attn.weight`. `{n}` in stored names stands for numbers from 0 on, all of which are one of ours: the experts of
a layer.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from ..core.errors import ConfigError, CorruptFile

Tensors = list[torch.Tensor]
Fetch = Callable[[str], torch.Tensor]


@dataclass(frozen=True)
class Rule:
    """`stored` names become `model_names`; `load` turns the stored tensors into the model's, `save` does the reverse.

    reverse: False for spellings of old files that are read but never written.
    """

    stored: tuple[str, ...]
    model_names: tuple[str, ...]
    load: Callable[[Tensors], Tensors]
    save: Callable[[Tensors], Tensors]
    reverse: bool = True


def rename(stored: str, model_name: str, reverse: bool = True) -> Rule:
    """Another name for the same tensor."""
    return Rule((stored,), (model_name,), list, list, reverse)


def transpose(stored: str, model_name: str | None = None, dims: tuple[int, int] = (0, 1)) -> Rule:
    """Two dimensions are swapped in the file."""

    def swap(tensors: Tensors) -> Tensors:
        return [tensor.transpose(*dims) for tensor in tensors]

    return Rule((stored,), (model_name or stored,), swap, swap)


def split(stored: str, model_names: Sequence[str], dim: int = 0, sizes: Sequence[int] | None = None) -> Rule:
    """One stored tensor is several of ours, side by side along `dim`, in equal parts or of `sizes`."""

    def parts(tensors: Tensors) -> Tensors:
        length = tensors[0].shape[dim]
        if sizes is None and length % len(model_names):
            raise ConfigError(
                f"{stored}: {length} rows along dimension {dim} cannot be cut into {len(model_names)} equal parts"
            )
        return list(tensors[0].split(list(sizes) if sizes else length // len(model_names), dim))

    return Rule((stored,), tuple(model_names), parts, lambda tensors: [torch.cat(tensors, dim)])


def merge(stored: Sequence[str], model_name: str, dim: int = 0, sizes: Sequence[int] | None = None) -> Rule:
    """Several stored tensors are one of ours: the inverse of `split`."""
    inverse = split(model_name, stored, dim, sizes)
    return Rule(inverse.model_names, inverse.stored, inverse.save, inverse.load)


def stack(stored: Sequence[str], model_name: str) -> Rule:
    """Tensors with a number `{n}` in their names are one of ours, stacked; several kinds lie side by side along dimension 1."""

    def join(tensors: Tensors) -> Tensors:
        count = len(tensors) // len(stored)
        for start in range(0, len(tensors), count):
            _check_alike(stored[start // count], tensors[start : start + count])
        kinds = [torch.stack(tensors[start : start + count]) for start in range(0, len(tensors), count)]
        return [torch.cat(kinds, dim=1) if len(kinds) > 1 else kinds[0]]

    def part(tensors: Tensors) -> Tensors:
        kinds = tensors[0].chunk(len(stored), dim=1) if len(stored) > 1 else tensors
        return [tensor for kind in kinds for tensor in kind.unbind()]

    return Rule(tuple(stored), (model_name,), join, part)


def _check_alike(name: str, tensors: Tensors) -> None:
    """Raise `CorruptFile` unless tensors that are stacked have one shape, and one dtype or floating ones of 16 bits or more."""
    first = tensors[0]
    for number, tensor in enumerate(tensors):
        kinds_agree = tensor.dtype == first.dtype or all(
            each.is_floating_point() and each.element_size() > 1 for each in (tensor, first)
        )
        if tensor.shape != first.shape or not kinds_agree:
            described, expected = (f"{each.dtype} {tuple(each.shape)}" for each in (tensor, first))
            raise CorruptFile(f"number {number} of {name} is {described}; expected {expected}, as number 0")


def below(path: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules of a model that is a part of another, for names below its `path` alone."""
    leads = (path, f"{path}.{{*}}")
    return tuple(
        replace(
            rule,
            stored=tuple(f"{lead}.{name}" for name in rule.stored),
            model_names=tuple(f"{lead}.{name}" for name in rule.model_names),
        )
        for rule in rules
        for lead in leads
    )


@dataclass(frozen=True)
class Recipe:
    """How a tensor is made from stored ones.

    sources: their keys. build: makes it, by a function that reads a tensor by its key. plain: whether it is one of them,
    unchanged.
    rows: its first dimension, where that is known before anything is read.
    """

    sources: tuple[str, ...]
    build: Callable[[Fetch], torch.Tensor]
    plain: bool = False
    rows: int | None = None


def on_load(rules: Iterable[Rule], keys: Iterable[str]) -> dict[str, Recipe]:
    """The model's names -> how each tensor is made from the stored `keys`; nothing is read."""
    table = {key: Recipe((key,), _fetch_one(key), plain=True) for key in keys}
    for rule in rules:
        table = _apply(table, rule.stored, rule.model_names, rule.load, displacing=rule.reverse)
    return table


def on_save(rules: Sequence[Rule], names: Iterable[str], rows: Mapping[str, int] | None = None) -> dict[str, Recipe]:
    """Stored names -> how each is made from the model's tensors `names`: the inverse of `on_load`.

    Args:
        rows: the first dimension of our tensors, which says into how many a stacked one is taken apart.
    """
    table = {name: Recipe((name,), _fetch_one(name), plain=True, rows=(rows or {}).get(name)) for name in names}
    for rule in reversed([rule for rule in rules if rule.reverse]):
        table = _apply(table, rule.model_names, rule.stored, rule.save)
    return table


def _fetch_one(key: str) -> Callable[[Fetch], torch.Tensor]:
    return lambda fetch: fetch(key)


# What `{}` stand for in a name, what comes before included -> (which template it fits, its `{n}`) -> the name.
_Groups = dict[tuple[str | None, ...], dict[tuple[int, int], str]]


def _apply(
    table: dict[str, Recipe],
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    change: Callable[[Tensors], Tensors],
    displacing: bool = True,
) -> dict[str, Recipe]:
    """One rule over a whole table; a set of names that is not complete is left as it is, and so comes up in the report.

    So is, unless `displacing`, a set whose new names the table has already: an old spelling does not win over the present one.
    """
    complete = {group: members for group, members in _grouped(table, sources).items() if _is_whole(members, len(sources))}
    if not displacing:
        complete = {group: members for group, members in complete.items() if table.keys().isdisjoint(_names(group, targets))}
    first = {members[0, 0]: group for group, members in complete.items()}
    consumed = {name for members in complete.values() for name in members.values()}
    result: dict[str, Recipe] = {}
    for name, recipe in table.items():
        if name not in consumed:
            result[name] = recipe
        if name in first:
            parts = [table[member] for _, member in sorted(complete[first[name]].items())]
            for index, new in enumerate(_names(first[name], _numbered(targets, parts[0].rows))):
                result[new] = _changed(parts, change, index, change is list)
    return result


def _grouped(table: Iterable[str], templates: tuple[str, ...]) -> _Groups:
    patterns = [_pattern(template) for template in templates]
    groups: _Groups = {}
    for name in table:
        for index, pattern in enumerate(patterns):
            if match := pattern.fullmatch(name):
                place = pattern.groupindex.get("n")
                fields = tuple(field for number, field in enumerate(match.groups(), start=1) if number != place)
                groups.setdefault(fields, {})[index, int(match["n"]) if place else 0] = name
    return groups


def _is_whole(members: dict[tuple[int, int], str], templates: int) -> bool:
    """Whether every template has a name for each number from 0 to the greatest."""
    return len(members) == templates * (1 + max(number for _, number in members))


def _numbered(templates: tuple[str, ...], count: int | None) -> tuple[str, ...]:
    """The templates, each with a `{n}` repeated for every number below `count`."""
    if not any("{n}" in template for template in templates):
        return templates
    if count is None:
        raise ConfigError(f"{templates[0]}: the tensor taken apart is changed by another rule first, so its size is not known")
    return tuple(template.replace("{n}", str(number)) for template in templates for number in range(count))


def _names(group: tuple[str | None, ...], templates: tuple[str, ...]) -> list[str]:
    """The names that templates stand for; `group` is a match's prefix and then the parts that fill the `{}`."""
    lead, *fields = group
    return [(lead or "") + template.replace("{*}", "{}").format(*fields) for template in templates]


def _changed(parts: list[Recipe], change: Callable[[Tensors], Tensors], index: int, unchanged: bool) -> Recipe:
    """The recipe of the tensor number `index` of what `change` makes of `parts`."""
    sources = tuple(source for part in parts for source in part.sources)
    plain = unchanged and all(part.plain for part in parts)
    rows = parts[index].rows if plain else None
    return Recipe(sources, lambda fetch: change([part.build(fetch) for part in parts])[index], plain, rows)


def _pattern(template: str) -> re.Pattern[str]:
    body = "([^.]+)".join(map(re.escape, template.split("{}"))).replace(re.escape("{*}"), "(.+)")
    body = body.replace(re.escape("{n}"), r"(?P<n>[0-9]{1,6})")
    return re.compile(rf"(.*\.)?{body}")
