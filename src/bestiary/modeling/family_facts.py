"""What is known of every family, read from one file: no family is imported, and no torch."""

import json
from dataclasses import dataclass

from .families import path_of

FACTS = "facts.json"


@dataclass(frozen=True)
class FamilyFacts:
    """A family.

    Attributes:
        types: model_type -> names of its model classes.
        summary: what it is, and whose. differs: what is not as in its nearest relative; empty where `summary` says it.
        paper: the address of the paper that describes it; empty where there is none.
        tasks: task -> model class. kernels: attention implementations, the default first.
        cache: what a cache keeps of each layer; empty where no class generates. preprocessors: names of classes.
    """

    types: dict[str, list[str]]
    summary: str
    differs: str
    paper: str
    tasks: dict[str, str]
    kernels: list[str]
    cache: str
    preprocessors: list[str]


def family_facts() -> dict[str, FamilyFacts]:
    """Family -> what is known of it, sorted by name."""
    with open(path_of(FACTS), encoding="utf-8") as file:
        return {name: FamilyFacts(**values) for name, values in json.load(file).items()}
