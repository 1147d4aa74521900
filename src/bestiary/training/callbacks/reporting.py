"""Which tools a training can report to, and the callbacks of those that `report_to` names."""

import os
from typing import Any

from ...core import plugins
from ...core.errors import ArgumentError, did_you_mean
from ...core.optional import available
from .reporter import Reporter, says_yes

FOLDER = f"{__package__}.reporters"


def names() -> tuple[str, ...]:
    """All tools, installed or not."""
    return plugins.names(FOLDER)


def is_installed(name: str) -> bool:
    """Whether the packages of a tool are installed, none of which is imported, and the environment says what it needs."""
    choices: tuple[str, ...] = plugins.literals(FOLDER, "PACKAGES", plugins.Names)[name]
    variable: str | None = plugins.literals(FOLDER, "NEEDS", str).get(name)
    return (variable is None or bool(os.environ.get(variable))) and any(
        all(available(package) for package in choice.split()) for choice in choices
    )


def is_turned_off(name: str) -> bool:
    """Whether the environment says that nothing is to be reported to a tool."""
    variable: str | None = plugins.literals(FOLDER, "SWITCH", str).get(name)
    return variable is not None and says_yes(os.environ.get(variable))


def installed() -> list[str]:
    """The tools whose packages are installed, without those that the environment turns off."""
    return [name for name in names() if is_installed(name) and not is_turned_off(name)]


def chosen(report_to: Any) -> list[str]:
    """The tools that `report_to` names: a name, several, "all" that are installed, or "none".

    Raises:
        ArgumentError: a name of no tool.
    """
    words = [report_to] if isinstance(report_to, str) else report_to
    if words is not None and not isinstance(words, list | tuple | set):
        raise ArgumentError(f"report_to is {words!r:.60}; expected all, none, or a list of names")
    if words is None or words in ([], ["none"]):
        return []
    if words == ["all"]:
        return installed()
    if odd := [word for word in words if word in ("none", "all")]:
        raise ArgumentError(f"report_to names {odd[0]!r} and others besides; expected it alone, or only names of tools")
    known = names()
    for word in words:
        if word not in known:
            near = did_you_mean(str(word), (*known, "all", "none"))
            raise ArgumentError(f"report_to names {word!r:.60}; expected all, none, or some of {', '.join(known)}.{near}")
    return list(dict.fromkeys(words))


def callback_of(name: str) -> type[Reporter]:
    """The class that reports to a tool."""
    reporter: type[Reporter] = plugins.definition(FOLDER, name, "reporter", "CALLBACK", Reporter)
    return reporter


def callbacks_of(report_to: Any) -> list[type[Reporter]]:
    """The classes that report to what `report_to` names, and to what a training was started by, as the environment says.

    Raises:
        ArgumentError: a name of no tool.
    """
    started_by = [name for name in plugins.literals(FOLDER, "NEEDS", str) if is_installed(name) and not is_turned_off(name)]
    return [callback_of(name) for name in dict.fromkeys([*chosen(report_to), *started_by])]
