"""Which strategy settings ask for. Each has a file in `strategies/` or `older/`; these constants, where they are of use, are
read without importing it:

    OPTIONS: the options that it declares (see `options`)
    CHOSEN_BY: options, or arguments of the call, of which each asks for this strategy
    REPLACES: strategies that it takes the place of where both are asked for
    EXCLUDES: options that exclude it; the one from the nearer source counts
    WHEN_DRAWING: the strategy in its place where tokens are drawn (`do_sample`)
    MODE: what `GenerationMode` calls it; by default the name of the file
"""

from functools import cache
from typing import Any, Protocol

from ..core import plugins
from ..core.errors import ConfigError
from ..core.logging import warn_once
from .options import SOURCES, check_declared

# The arguments of a call, besides options, that can ask for a strategy.
ARGUMENTS = ("assistant_model", "assistant_tokenizer")
FOLDERS = (f"{__package__}.strategies", f"{__package__}.older")


class Settings(Protocol):
    """What a choice is made by, a `GenerationConfig`."""

    def is_set(self, name: str) -> bool: ...
    def effective(self, name: str) -> Any: ...
    def origin(self, name: str) -> str: ...


def rivals(strategy: str) -> tuple[str, ...]:
    """The options, or arguments of the call, that ask for another than `strategy` and those that take its place."""
    relatives = {strategy, *(name for name, replaced in _constants("REPLACES").items() if strategy in replaced)}
    return tuple(option for name, options in _constants("CHOSEN_BY").items() if name not in relatives for option in options)


def strategy_name(settings: Settings, are_final: bool = True, **objects: Any) -> str:
    """The file name of the strategy that the settings, and the `objects` of the call, ask for.

    Args:
        are_final: False where a call may still change the settings: one that clashes with them warns, or gives way.

    Raises:
        ConfigError: options ask for two at once.
    """
    options: dict[str, str] = {}  # strategy -> the option that asks for it
    for name, choosing in _constants("CHOSEN_BY").items():
        option = next((option for option in choosing if objects.get(option) or settings.is_set(option)), None)
        if option is not None and not _yields(settings, option, name, are_final):
            options[name] = option
    for replaced in [other for name in options for other in _constants("REPLACES").get(name, ())]:
        options.pop(replaced, None)
    # Searches by width are named first, then what else says how a token is chosen, then what guesses ahead or changes scores.
    first_to_last = [*_constants("WHEN_DRAWING"), *_constants("REPLACES"), *_constants("EXCLUDES"), *options]
    in_order = sorted(options, key=first_to_last.index)
    if len(options) > 1:
        first, second = (_shown(settings, options[name], objects) for name in in_order[:2])
        if are_final:
            raise ConfigError(f"{first} and {second} exclude each other: each is a strategy")
        warn_once("two-strategies", f"{first} and {second} exclude each other; the first counts here, generate refuses both")
    name = next(iter(in_order), "greedy")
    return str(_constants("WHEN_DRAWING").get(name, name)) if settings.effective("do_sample") else name


def modes() -> dict[str, str]:
    """Strategy -> its published name."""
    return {name: name for folder in FOLDERS for name in plugins.names(folder)} | _constants("MODE")


def _yields(settings: Settings, option: str, strategy: str, are_final: bool) -> bool:
    """Whether `option`, which asks for `strategy`, counts less than one that excludes it: the nearer source counts.

    Raises:
        ConfigError: both come from the caller at once.
    """
    for other in _constants("EXCLUDES").get(strategy, ()):
        if not settings.is_set(other):
            continue
        nearer = SOURCES.index(settings.origin(option)) - SOURCES.index(settings.origin(other))
        if nearer == 0 and settings.origin(option) != "checkpoint" and are_final:
            values = f"{other}={settings.effective(other)} and {option}={settings.effective(option)}"
            raise ConfigError(f"{values} exclude each other: {strategy} decoding has no {other}")
        if nearer <= 0:
            return True
    return False


def _shown(settings: Settings, option: str, objects: dict[str, Any]) -> str:
    """`option=value (where it comes from)`."""
    value, origin = settings.effective(option), settings.origin(option)
    if objects.get(option):
        value, origin = objects[option], "call"
    return f"{option}={value if isinstance(value, int | float | str | list) else f'<{type(value).__name__}>'} ({origin})"


@cache
def _constants(name: str) -> dict[str, Any]:
    """Strategy -> the constant `name` of its file; only of those that have it.

    Raises:
        PluginError: a file names an option that nobody declares, or one by which another is chosen.
    """
    if name in ("CHOSEN_BY", "EXCLUDES"):
        for folder in FOLDERS:
            check_declared(folder, name, ARGUMENTS)
    kind = str if name in ("WHEN_DRAWING", "MODE") else plugins.Names
    constants = {
        f"{folder}.{file}": value for folder in FOLDERS for file, value in plugins.literals(folder, name, kind).items()
    }
    if name == "CHOSEN_BY":
        plugins.check_unique(f"{name} with", constants)
    return {file.rpartition(".")[2]: value for file, value in constants.items()}
