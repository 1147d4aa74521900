"""Options: the fields of `GenerationConfig`, each declared by the file that acts on it.

    OPTIONS = {"top_k": Option(Whole, default=50, off=0, needs=("do_sample", "penalty_alpha"))}

Such a table may stand at the top of any file in `generation/`, `processors/`, `strategies/` and `older/`. It is read without
importing the file, so it is made of nothing but `Option`, the kinds of `core/kinds.py` and what Python's annotations are
made of. After a change, `python scripts/write_option_fields.py` tells editors.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal

from ..core import kinds, plugins
from ..core.errors import PluginError, did_you_mean

# Where a value can come from, the nearest last.
SOURCES = ("default", "checkpoint", "config", "call")

PLACES = (__package__, *(f"{__package__}.{folder}" for folder in ("processors", "strategies", "older")))


@dataclass(frozen=True)
class Option:
    """What a setting takes and when it matters.

    kind: of its values, see `core/kinds.py`; None is always allowed and says nothing.
    default: what counts where nobody says anything. off: the value that asks for nothing; by default the default.
    needs: other options, or arguments of `generate`, of which one must be set for this one to have an effect.
    supported: False for what is published and not here: asking for it is refused.
    """

    kind: Any
    default: Any = None
    off: Any = None
    needs: tuple[str, ...] = ()
    supported: bool = True

    def asks(self, value: Any) -> bool:
        """Whether `value` asks for anything."""
        return value is not None and value != (self.default if self.off is None else self.off)


_VOCABULARY = {
    **{name: value for name, value in vars(kinds).items() if not name.startswith("_")},
    **{kind.__name__: kind for kind in (bool, int, float, str, list, dict, tuple, Option)},
    "Annotated": Annotated,
    "Any": Any,
    "Literal": Literal,
    "__builtins__": {},
}


def declared(package: str) -> dict[str, dict[str, Option]]:
    """The files of `package` that declare options, and these by name.

    Raises:
        PluginError: a declaration that cannot be read by itself; names the file.
    """
    tables = {}
    for file, source in plugins.expressions(package, "OPTIONS").items():
        where = f"{package}.{file}: OPTIONS"
        try:
            tables[file] = table = eval(source, dict(_VOCABULARY))  # noqa: S307 (our own source, as importing it would run it)
        except Exception as error:
            raise PluginError(f"{where} is read without importing the file: {error}; see {__name__}") from error
        if not kinds.fits(table, dict[str, Option]):
            raise PluginError(f'{where} is {table!r:.80}; expected a table of options: {{"name": Option(kind)}}')
        for name, option in table.items():
            if option.default is not None and not kinds.fits(option.default, option.kind):
                expected = kinds.describe(option.kind)
                raise PluginError(f"{where}: the default of {name!r} is {option.default!r:.80}; expected {expected}")
    return tables


@cache
def options() -> Mapping[str, Option]:
    """Every option by name.

    Raises:
        PluginError: two files declare the same one.
    """
    table: dict[str, Option] = {}
    places: dict[str, str] = {}
    for package in PLACES:
        for file, listed in declared(package).items():
            for name in places.keys() & listed.keys():
                raise PluginError(f"the option {name!r} is declared by {places[name]} and by {package}.{file}; rename one")
            table.update(listed)
            places.update(dict.fromkeys(listed, f"{package}.{file}"))
    return MappingProxyType(table)


def declared_by(name: str) -> str:
    """The file that declares the option `name`."""
    return next(f"{package}.{file}" for package in PLACES for file, table in declared(package).items() if name in table)


def check_declared(package: str, constant: str, arguments: Iterable[str]) -> None:
    """Refuse a file of `package` whose `constant` lists what is neither an option nor one of the `arguments` of a call.

    Raises:
        PluginError: names the file.
    """
    known = {*options(), *arguments}
    for file, listed in plugins.literals(package, constant, plugins.Names).items():
        for name in listed:
            if name not in known:
                near = did_you_mean(name, known)
                raise PluginError(f"{package}.{file}: {constant} names {name!r}, which no file declares as an option.{near}")
