"""The import hook behind `install`: modules called `transformers...` that look their names up here."""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..core.errors import ArgumentError, UnknownModule, UnknownName, did_you_mean
from ..core.logging import set_verbosity_by, speak_as, warn_once
from ..core.missing_weights import start_afresh
from .names import RENAMED, paths, sources
from .speakers import SPEAKERS

ROOT = "transformers"
# The same modules beside a published package that is, or may be, imported: for code of checkpoints.
ASIDE = f"{__package__}.{ROOT}"
_OURS = __package__.partition(".")[0]
_MISSING = object()


class _OldModule(ModuleType):
    """A module under a name of `transformers`; each name that is looked up becomes its attribute, so it is looked up once."""

    def __getattr__(self, name: str) -> Any:
        path = _below(self.__name__)
        if not name:  # `__import__(module, fromlist=[""])` asks for the module alone
            return self
        if name.startswith("__") and name != "__all__":  # the import system asks for some; nothing is imported to answer
            raise AttributeError(name)
        if name == "__all__":
            value: Any = [name for name in _names(path) if not name.startswith("_")]
        else:
            value = _find(self.__name__, name)
        if value is _MISSING:
            raise AttributeError(_explain(self.__name__, name))
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        """Say that no model is made of what somebody puts into the file of a family."""
        is_part = callable(value) and ".models." in self.__name__ and not name.startswith("__")
        if is_part and value is not _find(self.__name__, name):
            warn_once(
                f"patched-{self.__name__}-{name}",
                f"{self.__name__}.{name} was replaced, which changes no model: put your module into a model instead, as in"
                " model.model.layers[0].self_attn = MyAttention(...)",
            )
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return _names(_below(self.__name__))


class _Finder:
    """A finder and its loader, without the base classes of `importlib.abc`: these import much of the standard library."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not f"{fullname}.".startswith((f"{ROOT}.", f"{ASIDE}.") if _installed else f"{ASIDE}."):
            return None
        if sources(_below(fullname)) is None:
            callers = _importing()
            if "_find_and_load_unlocked" not in callers:
                return None  # `importlib.util.find_spec` asks whether there is one
            parent, _, name = fullname.rpartition(".")
            raise (UnknownName if "_handle_fromlist" in callers else UnknownModule)(_explain(parent, name))
        file = _file(_below(fullname))
        spec = ModuleSpec(fullname, self, origin=file, is_package=True)  # type: ignore[arg-type]  # it has what a loader needs
        spec.has_location = True  # the module gets `__file__`: tools ask where the package lies
        spec.submodule_search_locations = [os.path.dirname(file)]
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _OldModule(spec.name, "An old name of bestiary's modules; see bestiary.compat.names.")

    def exec_module(self, module: ModuleType) -> None:
        if not _below(module.__name__):
            from ..hub.files import PUBLISHED  # `install` alone does without

            module.__dict__["__version__"] = PUBLISHED


_FINDER = _Finder()
_installed = False


def install() -> None:
    """Make `import transformers` and its documented submodules mean this library, whether that package is installed or not.

    Weights that a checkpoint lacks then start afresh with a warning, as scripts for that package expect.

    Raises:
        ArgumentError: the real package is imported already.
    """
    global _installed
    if _installed:
        return
    if ROOT in sys.modules:
        raise ArgumentError(
            f"{ROOT} is imported already, from {sys.modules[ROOT].__file__}; call bestiary.compat.install() before anything"
            " imports it, or run the script with python -m bestiary.compat"
        )
    _installed = True
    _find_by_name()
    start_afresh()
    speak_as(ROOT, SPEAKERS)
    set_verbosity_by("TRANSFORMERS_VERBOSITY")


def _find_by_name() -> None:
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def old_module(name: str, names: Sequence[str] | None = None) -> ModuleType:
    """What `import name`, a module of `transformers`, gives to code of a checkpoint, and `from name import names` reads from.

    It is a module of this library, whether `install` was called or not, and whether the published package is imported or not.

    Raises:
        UnknownModule, UnknownName: there is no such module, or nothing of one of these names in it.
    """
    root = ROOT if _installed else ASIDE
    _find_by_name()
    module = importlib.import_module(root + name.removeprefix(ROOT))
    return __import__(module.__name__, fromlist=names) if names else sys.modules[root]


def _importing() -> list[str]:
    """The functions of the import system that ask a finder now, the innermost first: its arguments do not tell what for."""
    names, frame = [], sys._getframe(2)
    while frame.f_code.co_filename == ModuleSpec.__init__.__code__.co_filename and frame.f_back:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


def _below(fullname: str) -> str:
    """The path under the old root: "" for the root itself."""
    return fullname.removeprefix(f"{__package__}.").partition(".")[2]


def _file(path: str) -> str:
    """The file of ours that the old module `path` stands for; where it shows only public names, this package's."""
    root = os.path.dirname(_public().__file__ or "")
    module = os.path.join(root, *next(iter(sources(path) or ()), "").split(".")) if path else root
    return next(file for file in (f"{module}.py", os.path.join(module, "__init__.py")) if os.path.isfile(file))


def _public() -> ModuleType:
    return sys.modules[_OURS]


def _find(module_name: str, name: str) -> Any:
    """What this old module calls `name`: a module below it, a renamed thing, one of its modules' names, a public name."""
    path = _below(module_name)
    if sources(f"{path}.{name}" if path else name) is not None:
        return importlib.import_module(f"{module_name}.{name}")
    if (target := RENAMED.get(path, {}).get(name)) is not None:
        return _resolve(target, module_name.removesuffix(f".{path}" if path else ""))
    # A family's folder goes before its file: there a class may be the base of the public one of the same name.
    modules = sorted(sources(path) or (), key=lambda source: not (source.startswith("models.") and source.count(".") == 1))
    # Most names asked of the root or the trainer are public: none other is imported.
    for source in ("", *modules) if not path or path.startswith("train") else (*modules, ""):
        module = importlib.import_module(f"{_OURS}.{source}") if source else _public()
        # A family made from a relative's data has more classes than it lists.
        if not name.startswith("_") and (value := getattr(module, name, _MISSING)) is not _MISSING:
            return value
    return _MISSING


def _resolve(target: str, root: str) -> Any:
    """What "module:name.attribute" of ours, or an old path, which is looked for below `root`, leads to."""
    module, _, names = target.partition(":")
    if not names:
        return importlib.import_module(root + target.removeprefix(ROOT))
    value: Any = importlib.import_module(f"{_OURS}.{module}")
    for name in names.split("."):
        value = getattr(value, name)
    return value


def _names(path: str) -> list[str]:
    """All names of the old module `path`."""
    names = {*_public().__all__, *RENAMED.get(path, {})}
    for source in sources(path) or ():
        module = importlib.import_module(f"{_OURS}.{source}")
        names.update(name for name in dir(module) if not name.startswith("_") and not _is_plumbing(vars(module).get(name)))
    return sorted(names)


def _is_plumbing(value: Any) -> bool:
    """Whether a module has imported `value` for its own use: a module, or something of the standard library."""
    home = getattr(value, "__module__", None)
    return isinstance(value, ModuleType) or str(home).partition(".")[0] in sys.stdlib_module_names


def _explain(module: str, name: str) -> str:
    """The message of the error where `module` has no `name`; a name that is only `name` again would be no help."""
    path = _below(module)
    prefix = f"{path}." if path else ""
    below = [old.removeprefix(prefix) for old in paths() if old and old.startswith(prefix)]
    near = did_you_mean(name, [each for each in (*_names(path), *below) if each != name])
    return f"bestiary, which stands in for {ROOT}, has no {name!r:.80} in {f'{ROOT}.{path}'.strip('.')}.{near}"
