"""Write what families and plug-ins declare to the places that are read without importing them.

    python scripts/write_family_lists.py

`src/bestiary/models/index.json` says which family has a model_type or a class, and `facts.json` beside it what
`bestiary families` shows; the lines `from .models...` of `src/bestiary/__init__.pyi`, and those of the folders in `PLUGINS`,
say which module a public name comes from; `classes.pyi` of a family made from data shows its classes to type checkers;
`docs/families.md` and `docs/older_keys.md` are tables for people. Run it after a change of the public names of a family or of
a plug-in (`tests/test_family_lists.py` tells when); never edit these by hand.
"""

import importlib
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from bestiary.cache.layer_types import layer_types
from bestiary.core import plugins
from bestiary.loading.rules import Rule
from bestiary.modeling.families import INDEX, declarations
from bestiary.modeling.family_facts import FACTS, FamilyFacts
from bestiary.modeling.parts import ModelParts

PLUGINS = ("cache.kinds", "generation.processors", "generation.watermarks", "pipelines.tasks")


PAPER = "Paper: "  # how the paragraph of a docstring begins that holds the paper's address
ROOT = Path(__file__).resolve().parent.parent
PAGE = """# Families

Every family that is here, with all of its classes: {families} families, {types} model types, {classes} classes. Each is
compared with the reference by every test of `tests/parity`, from its case, to which its name is linked; one that the current
reference lacks, with stored numbers of the last that had it, by tests of its own. `bestiary families`
shows the same on the command line. This page is written by `scripts/write_family_lists.py` from what the families declare; the
paper is the line `Paper: ` of a family's docstring.

| family | types | what it is | paper | what differs | classes (tasks) | kernels | a cache holds | preprocessors |
|---|---|---|---|---|---|---|---|---|
"""
OLDER_KEYS = """# Older names of tensors

What each family reads beside the names its own files have: names of earlier releases, tensors that were once stored and are
not needed (a pattern, left out with no word), and those that a file may lack because they follow from the config. Whatever
else a file has too much is told in a warning; whatever else it lacks is refused, by name. This page is written by
`scripts/write_family_lists.py` from what the families declare.

| family | read as | left out | may be absent |
|---|---|---|---|
"""


def lists(package: Path) -> dict[Path, str]:
    """Path -> text of both files of the library in the folder `package`, and of the page in the documentation."""
    declared, shown = {}, {}
    facts: dict[str, FamilyFacts] = {}
    lines, older = [], []
    for name in plugins.names("bestiary.models"):
        family = importlib.import_module(f"bestiary.models.{name}")
        places = {each: place for each in declarations(family)["names"] if (place := home(family, each))}
        declared[name] = {**declarations(family), "names": sorted(places)}
        if declared[name]["types"]:
            facts[name] = facts_of(family, declared[name]["types"])
            older.append(older_keys(family, declared[name]["types"]))
        if made := [getattr(family, each) for each in places if each not in vars(family) and places[each] == family.__name__]:
            shown[package / "models" / name / "classes.pyi"] = stub_of(family, made)
        lines += [f"from .{place.removeprefix('bestiary.')} import {each} as {each}" for each, place in places.items()]
    for folder in PLUGINS:
        published = plugins.published(f"bestiary.{folder}").items()
        lines += [f"from .{folder}.{file} import {each} as {each}" for file, names in published for each in names]
    stub = package / "__init__.pyi"
    pages = {"families.md": page_of(facts), "older_keys.md": OLDER_KEYS + "".join(older)}
    written = {package / "models" / INDEX: index(declared), stub: with_lines(stub, lines)}
    written[package / "models" / FACTS] = index({name: asdict(each) for name, each in facts.items()})
    return {**written, **{ROOT / "docs" / name: text for name, text in pages.items()}, **shown}


def stub_of(family: ModuleType, made: list[type]) -> str:
    """What type checkers are told of the classes that a family is `made` of, which no file of it defines."""
    config = made[0].config_class.__name__
    imports, blocks = {f"from . import {config}"}, {}

    def relative(module: str) -> str:
        """The module as seen from the family's folder."""
        for above, dots in ((family.__name__, "."), ("bestiary.models", ".."), ("bestiary", "...")):
            if module.startswith(f"{above}."):
                return dots + module.removeprefix(f"{above}.")
        return module

    def name_of(kind: type) -> str:
        """What the stub calls a base, after it is imported or written itself."""
        if kind.__module__ == family.__name__:
            write(kind)
            return kind.__name__
        imports.add(f"from {relative(kind.__module__)} import {kind.__name__} as _{kind.__name__}")
        return f"_{kind.__name__}"

    def write(kind: type) -> None:
        if kind.__name__ not in blocks:
            bases = ", ".join(map(name_of, kind.__bases__))
            blocks[kind.__name__] = f"class {kind.__name__}({bases}):\n    config: {config}\n"

    for kind in made:
        write(kind)
    head = "# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.\n\n"
    return formatted(head + "\n".join([*sorted(imports), "", *blocks.values()]), "models/family/classes.pyi")


def facts_of(family: ModuleType, types: dict[str, list[str]]) -> FamilyFacts:
    """What is known of a family with these model types: what its docstring says, and what its classes declare."""
    summary, *further = (" ".join(part.split()) for part in (family.__doc__ or "").strip().split("\n\n"))
    papers = [part.removeprefix(PAPER) for part in further if part.startswith(PAPER)]
    further = [part for part in further if not part.startswith(PAPER)]
    classes = [getattr(family, each) for each in dict.fromkeys(each for listed in types.values() for each in listed)]
    generating = next((each for each in classes if each.can_generate()), None)
    return FamilyFacts(
        types={kind: sorted(listed) for kind, listed in types.items()},
        summary=summary.rstrip("."),
        differs=further[0] if further else "",
        paper=papers[0] if papers else "",
        tasks=family.TASKS,
        kernels=list(classes[0].kernels),
        cache="" if generating is None else held_by_cache(generating),
        preprocessors=list(dict.fromkeys(vars(family).get("PREPROCESSORS", {}).values())),
    )


def held_by_cache(kind: Any) -> str:
    """What the layers of a model of this class keep between tokens, by the usual config."""
    config = kind.config_class()
    attends, keeps = kind.kernels != ("eager",), layer_types(config).keeps_states
    held = ("keys, values and states" if attends else "states") if keeps else "keys and values"
    return f"{held}, of the encoder's output too" if config.is_encoder_decoder else held


def proof_of(name: str) -> str:
    """What compares a family with the reference: its parity case, or tests of its own where no current release has it."""
    case = f"parity/cases/{name}.py"
    return case if (ROOT / "tests" / case).is_file() else f"models/{name}"


def page_of(facts: dict[str, FamilyFacts]) -> str:
    """The table for people."""
    classes = {name: {each for listed in row.types.values() for each in listed} for name, row in facts.items()}
    counts = {"types": sum(len(row.types) for row in facts.values()), "classes": sum(map(len, classes.values()))}
    rows = []
    for name, row in facts.items():
        named = [f"{kind} ({task})" for task, kind in row.tasks.items()]
        others = sorted(classes[name] - set(row.tasks.values()))
        cells = (
            f"[{name}](../tests/{proof_of(name)})",
            ", ".join(row.types),
            row.summary,
            paper_link(row.paper),
            row.differs.removeprefix("Differs from ").replace("|", "\\|"),
            ", ".join([*named, *others]),
            ", ".join(row.kernels),
            row.cache,
            ", ".join(row.preprocessors),
        )
        rows.append(f"| {' | '.join(cells)} |\n")
    return PAGE.format(families=len(facts), **counts) + "".join(rows)


def paper_link(address: str) -> str:
    """A link to the paper, under its number where that is arXiv's; nothing where there is none."""
    number = address.removeprefix("https://arxiv.org/abs/")
    return address and f"[{'paper' if number == address else number}]({address})"


def older_keys(family: ModuleType, types: dict[str, list[str]]) -> str:
    """One line of the second table; empty where the family reads no other names than those of its files."""
    classes = [getattr(family, each) for listed in types.values() for each in listed]
    cells = [
        [rule_text(rule) for each in classes for rule in each._weight_rules if rule.stored != rule.model_names],
        [f"`{pattern}`" for each in classes for pattern in each._keys_to_ignore_on_load_unexpected],
        [f"`{pattern}`" for each in classes for pattern in each._keys_to_ignore_on_load_missing],
    ]
    usual = {f"`{pattern}`" for pattern in ModelParts._keys_to_ignore_on_load_unexpected}
    texts = [shortened([text for text in dict.fromkeys(cell) if text not in usual]) for cell in cells]
    return f"| {family.__name__.rpartition('.')[2]} | {' | '.join(texts)} |\n" if any(texts) else ""


def shortened(texts: list[str], most: int = 6) -> str:
    """The texts as one cell of a table; only the first `most` where there are more."""
    further = [f"{len(texts) - most} further of this kind"] if len(texts) > most else []
    return "; ".join([*texts[:most], *further]).replace("|", "\\|")


def rule_text(rule: Rule) -> str:
    """`stored` → `ours`, of one rule."""
    stored, model_names = (", ".join(f"`{name}`" for name in names) for names in (rule.stored, rule.model_names))
    return f"{stored} → {model_names}"


def home(family: ModuleType, name: str) -> str | None:
    """The module that `name` is imported from: where it is defined, else the family; None where it is a relative's."""
    module = getattr(family, name).__module__
    if not f"{module}.".startswith("bestiary.models."):
        return family.__name__  # made from data by what lies below the families
    if not f"{module}.".startswith(f"{family.__name__}."):
        return None
    return module if name in vars(importlib.import_module(module)) else family.__name__


def index(declared: dict[str, dict[str, Any]]) -> str:
    """JSON with one family a line, so that families added side by side merge."""
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in declared.items()) + "\n}\n"


def with_lines(stub: Path, lines: list[str]) -> str:
    """The stub with `lines` instead of those it has for the same folders, sorted and wrapped as the linter wants them."""
    kept, inside = [], False
    written = tuple(f"from .{folder}." for folder in ("models", *PLUGINS))
    for line in stub.read_text(encoding="utf-8").splitlines():
        inside = line.startswith(written) or (inside and line.startswith((" ", ")")))
        if not inside:
            kept.append(line)
    place = next(number for number, line in enumerate(kept) if line.startswith("from ."))
    return formatted("\n".join([*kept[:place], *lines, *kept[place:], ""]), "__init__.pyi")


def formatted(text: str, name: str) -> str:
    """`text` as the linter wants the file `name` of the package."""
    for command in (["check", "--fix-only", "--quiet", "--select", "I"], ["format", "--quiet"]):
        # Under the name that it has in this repository, whose settings hold wherever the package lies.
        command = [sys.executable, "-m", "ruff", *command, "--stdin-filename", f"src/bestiary/{name}", "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def main() -> None:
    for path, text in lists(ROOT / "src" / "bestiary").items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
