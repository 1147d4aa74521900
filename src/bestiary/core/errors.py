"""Every public error type. A message says what was found, what was expected and what to do, with the value."""

from collections.abc import Iterable
from difflib import get_close_matches


class BestiaryError(Exception):
    """Base of every error this library raises on purpose; `code` is stable and can be matched by programs."""

    code = "bestiary"

    def __init_subclass__(cls) -> None:
        if "code" not in cls.__dict__:
            raise TypeError(f"{cls.__name__} needs a `code`")


class ConfigError(BestiaryError, ValueError):
    """A configuration holds values that clash, are out of range, or are misspelt."""

    code = "config"


class UnknownArchitecture(BestiaryError, ValueError):
    """A `model_type`, class or task that no family here provides."""

    code = "unknown-architecture"


class PluginError(BestiaryError, ValueError):
    """The file of a plug-in lacks what its folder asks for, or contradicts its own name or another file."""

    code = "plug-in"


class UnknownName(BestiaryError, ImportError):
    """An old script imports a name that this library does not have."""

    code = "unknown-name"


class UnknownModule(UnknownName, ModuleNotFoundError):
    """An old script imports a module that this library does not have."""

    code = "unknown-module"


class InputError(BestiaryError, ValueError):
    """What was passed to a model, tokenizer, processor or pipeline cannot be used."""

    code = "input"


class DocstringParsingException(InputError):
    """A function cannot be described to a model as a tool: its docstring lacks something."""

    code = "docstring"


class TypeHintParsingException(InputError):
    """A function cannot be described to a model as a tool: a type hint is missing, or there is no JSON schema for it."""

    code = "type-hint"


class OutOfVocabulary(InputError, IndexError):
    """A token id, or another index, that its table does not have (scripts expect the IndexError of a table)."""

    code = "out-of-vocabulary"


class ArgumentError(BestiaryError, TypeError, ValueError):
    """A keyword that does not exist, or options that exclude each other (scripts expect a TypeError or a ValueError)."""

    code = "argument"


class MissingDependency(BestiaryError, ImportError):
    """An optional package is not installed, or is installed and broken (then `__cause__` is its own error)."""

    code = "missing-dependency"


class MissingReporter(MissingDependency, RuntimeError):
    """The package of a tool that a training is to report to (scripts expect a RuntimeError)."""

    code = "missing-reporter"


class FileMissing(BestiaryError, OSError):
    """A file of a checkpoint is neither in the folder, nor in the cache, nor on the hub."""

    code = "file-missing"


class HubError(BestiaryError, OSError):
    """The hub refused, failed, or is not to be called."""

    code = "hub"


class CorruptFile(BestiaryError, OSError):
    """A file is cut short, lies about its size, or is not what its name says."""

    code = "corrupt-file"


class UnsafeFile(BestiaryError, ValueError):
    """A file asks for something no file may ask for: to run code, or to read or write outside its folder."""

    code = "unsafe-file"


class LoadError(BestiaryError, RuntimeError):
    """The weights of a checkpoint do not account for every tensor of the model."""

    code = "load"


class SaveError(BestiaryError, OSError):
    """A save could not be finished; what was there before is still whole."""

    code = "save"


class CapacityError(BestiaryError, MemoryError):
    """Something does not fit: memory, disk, a cache, the context length."""

    code = "capacity"


class NumericsError(BestiaryError, ArithmeticError, ValueError):
    """Numbers that should be finite are not, or leave nothing to choose from (scripts that watch a run expect a ValueError)."""

    code = "numerics"


class SearchError(BestiaryError, RuntimeError):
    """A search for hyperparameters found nothing: no trial came to its end."""

    code = "search"


class BusyError(BestiaryError, RuntimeError):
    """A queue is full; the same request may be accepted later."""

    code = "busy"


class EngineError(BestiaryError, RuntimeError):
    """A generation engine is not running, or could not finish a request; `__cause__` is what stopped it."""

    code = "engine"


def did_you_mean(word: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`" Did you mean 'x'?"` for the known word nearest to `word`, or an empty string."""
    near = get_close_matches(word[:80], list(known), n=1, cutoff=cutoff) if isinstance(word, str) else ()
    return f" Did you mean {near[0]!r}?" if near else ""
