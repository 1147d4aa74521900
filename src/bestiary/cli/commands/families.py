"""`bestiary families`: which families of models are here, and what is known of each."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.errors import InputError, did_you_mean
from .. import console
from ..options import Json

if TYPE_CHECKING:
    from ...modeling.family_facts import FamilyFacts

_COLUMNS = ("family", "model types", "what it is", "tasks", "kernels", "a cache holds", "differs", "paper")


def run(
    name: Annotated[str | None, typer.Argument(help="Only this family, by its name or by a model_type.")] = None,
    task: Annotated[str | None, typer.Option(help='Only those with a class for this task, such as "causal-lm".')] = None,
    json: Json = False,
) -> None:
    """Show the families of models: types, tasks, kernels, what caches hold, what differs from the nearest relative, papers."""
    from ...modeling.family_facts import family_facts

    known = family_facts()
    if name is not None:
        spelt = name.replace("-", "_")  # as folders spell it
        key = next((each for each, facts in known.items() if spelt in (each, *facts.types)), None)
        if key is None:
            types = [each for facts in known.values() for each in facts.types]
            raise InputError(f"there is no family {name!r:.80}.{did_you_mean(spelt, [*known, *types])}")
        known = {key: known[key]}
    if task is not None:
        tasks = sorted({each for facts in known.values() for each in facts.tasks})
        known = {each: facts for each, facts in known.items() if task in facts.tasks}
        if not known:
            raise InputError(f"no family has a class for {task!r:.80}.{did_you_mean(task, tasks)} Tasks: {', '.join(tasks)}")
    if json:
        console.write_json({each: asdict(facts) for each, facts in known.items()})
    elif name is not None:
        console.table(_details(*known.items()))
    else:
        console.table([_row(*item) for item in known.items()], _COLUMNS, title=f"{len(known)} families")


def _row(name: str, facts: "FamilyFacts") -> tuple[str, ...]:
    lists = (facts.types, facts.tasks, facts.kernels)
    types, tasks, kernels = (", ".join(each) for each in lists)
    return name, types, facts.summary, tasks, kernels, facts.cache, facts.differs, facts.paper


def _details(item: "tuple[str, FamilyFacts]") -> list[tuple[str, str]]:
    name, facts = item
    return [
        ("family", name),
        ("what it is", facts.summary),
        ("differs", facts.differs),
        ("paper", facts.paper),
        *(("model_type " + kind, ", ".join(classes)) for kind, classes in facts.types.items()),
        *(("task " + task, kind) for task, kind in facts.tasks.items()),
        ("kernels", ", ".join(facts.kernels)),
        ("a cache holds", facts.cache or "nothing: no class of it generates"),
        ("preprocessors", ", ".join(facts.preprocessors)),
    ]
