"""Names and layouts of tensors in files that differ from ours, as reversible rules.

A rule joins templates of stored names to templates of our names. A template covers the end of a name, from a dot on; `{}`
stands for one part (a layer number). What comes before is kept: `h.{}.attn.weight` fits `transformer.h.3.attn.weight`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from ..core.errors import ConfigError

Tensors = list[torch.Tensor]
Fetch = Callable[[str], torch.Tensor]


@dataclass(frozen=True)
class Rule:
    """`stored` names become `own` names; `load` turns the stored tensors into ours, `save` ours into the stored ones.

    reverse: False for spellings of old files that are read but never written.
    """

    stored: tuple[str, ...]
    own: tuple[str, ...]
    load: Callable[[Tensors], Tensors]
    save: Callable[[Tensors], Tensors]
    reverse: bool = True


def rename(stored: str, own: str, reverse: bool = True) -> Rule:
    """Another name for the same tensor."""
    return Rule((stored,), (own,), list, list, reverse)


def transpose(stored: str, own: str | None = None, dims: tuple[int, int] = (0, 1)) -> Rule:
    """Two dimensions are swapped in the file."""

    def swap(tensors: Tensors) -> Tensors:
        return [tensor.transpose(*dims) for tensor in tensors]

    return Rule((stored,), (own or stored,), swap, swap)


def split(stored: str, own: Sequence[str], dim: int = 0, sizes: Sequence[int] | None = None) -> Rule:
    """One stored tensor is several of ours, side by side along `dim`, in equal parts or of `sizes`."""

    def parts(tensors: Tensors) -> Tensors:
        whole = tensors[0].shape[dim]
        if sizes is None and whole % len(own):
            raise ConfigError(f"{stored}: {whole} rows along dimension {dim} cannot be cut into {len(own)} equal parts")
        return list(tensors[0].split(list(sizes) if sizes else whole // len(own), dim))

    return Rule((stored,), tuple(own), parts, lambda tensors: [torch.cat(tensors, dim)])


def merge(stored: Sequence[str], own: str, dim: int = 0, sizes: Sequence[int] | None = None) -> Rule:
    """Several stored tensors are one of ours: the inverse of `split`."""
    inverse = split(own, stored, dim, sizes)
    return Rule(inverse.own, inverse.stored, inverse.save, inverse.load)


@dataclass(frozen=True)
class Made:
    """A tensor made from stored ones: the keys it needs, how to build it, and whether it is one of them unchanged."""

    sources: tuple[str, ...]
    build: Callable[[Fetch], torch.Tensor]
    plain: bool = False


def on_load(rules: Iterable[Rule], keys: Iterable[str]) -> dict[str, Made]:
    """Our names -> how each is made from the stored `keys`; nothing is read."""
    table = {key: Made((key,), _fetch_one(key), plain=True) for key in keys}
    for rule in rules:
        table = _apply(table, rule.stored, rule.own, rule.load, displacing=rule.reverse)
    return table


def on_save(rules: Sequence[Rule], names: Iterable[str]) -> dict[str, Made]:
    """Stored names -> how each is made from our tensors `names`: the inverse of `on_load`."""
    table = {name: Made((name,), _fetch_one(name), plain=True) for name in names}
    for rule in reversed([rule for rule in rules if rule.reverse]):
        table = _apply(table, rule.own, rule.stored, rule.save)
    return table


def _fetch_one(key: str) -> Callable[[Fetch], torch.Tensor]:
    return lambda fetch: fetch(key)


def _apply(
    table: dict[str, Made],
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    change: Callable[[Tensors], Tensors],
    displacing: bool = True,
) -> dict[str, Made]:
    """One rule over a whole table; a set of names that is not complete is left as it is, and so comes up in the report.

    So is, unless `displacing`, a set whose new names the table has already: an old spelling does not win over the present one.
    """
    patterns = [_pattern(template) for template in sources]
    groups: dict[tuple[str | None, ...], dict[int, str]] = {}
    for name in table:
        for index, pattern in enumerate(patterns):
            if match := pattern.fullmatch(name):
                groups.setdefault(match.groups(), {})[index] = name
    complete = {group: members for group, members in groups.items() if len(members) == len(sources)}
    if not displacing:
        complete = {group: members for group, members in complete.items() if table.keys().isdisjoint(_names(group, targets))}
    first = {members[0]: group for group, members in complete.items()}
    taken = {name for members in complete.values() for name in members.values()}
    result: dict[str, Made] = {}
    for name, made in table.items():
        if name not in taken:
            result[name] = made
        if name in first:
            parts = [table[complete[first[name]][index]] for index in range(len(sources))]
            for index, new in enumerate(_names(first[name], targets)):
                result[new] = _changed(parts, change, index, change is list)
    return result


def _names(group: tuple[str | None, ...], templates: tuple[str, ...]) -> list[str]:
    """The names that templates stand for, by what a pattern found in front of a name and in its places."""
    lead, *fields = group
    return [(lead or "") + template.format(*fields) for template in templates]


def _changed(parts: list[Made], change: Callable[[Tensors], Tensors], index: int, unchanged: bool) -> Made:
    sources = tuple(source for part in parts for source in part.sources)
    plain = unchanged and all(part.plain for part in parts)
    return Made(sources, lambda fetch: change([part.build(fetch) for part in parts])[index], plain)


def _pattern(template: str) -> re.Pattern[str]:
    body = "([^.]+)".join(map(re.escape, template.split("{}")))
    return re.compile(rf"(.*\.)?{body}")
