"""Code of a checkpoint as modules of the package `bestiary_modules`, named by the digest of the files they consist of.

What was allowed once is kept in a folder under that digest, so that other processes, such as the workers of a data loader,
can import the classes too; files there that no longer have the digest are refused. In this code `transformers` means this
library: its own imports of that name go through `bestiary.compat`, whether the published package is installed or not.
"""

import builtins
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ...core.errors import BestiaryError, CorruptFile, MissingDependency, SaveError, UnsafeFile
from ...core.files import replacing
from ...core.logging import warn_once
from .files import CodeFiles, read_local
from .imports import absolute_imports, is_missing

PACKAGE = "bestiary_modules"
_LIBRARY = __name__.partition(".")[0]
_PUBLISHED = "transformers"
_allowed: dict[str, CodeFiles] = {}  # name of the package below `PACKAGE` -> its files


def modules_folder() -> Path:
    """Where allowed code is kept: HF_MODULES_CACHE, else `modules` in the folder of the hub's client (HF_HOME)."""
    from huggingface_hub import constants

    return Path(os.environ.get("HF_MODULES_CACHE") or os.path.join(constants.HF_HOME, "modules")).expanduser() / PACKAGE


def package_of(code: CodeFiles) -> str:
    """The name of the package that these files are."""
    return f"code_{code.digest[:32]}"


def allow(code: CodeFiles) -> str:
    """Make `code` a package, in this process and for others, and give its full name. Nothing of it runs yet.

    Raises:
        MissingDependency: names all packages that the code imports and that are not installed.
        CorruptFile: a file is not Python.
    """
    name = package_of(code)
    if name not in _allowed:
        imported = {each for path, source in code.files.items() for each in absolute_imports(source, path)}
        if missing := sorted(each for each in imported - {_PUBLISHED} if is_missing(each)):
            raise MissingDependency(
                f"the code of {code.repository or 'this checkpoint'} ({', '.join(sorted(code.files))}) imports packages that"
                f" are not installed: {', '.join(missing)}. Try: pip install {' '.join(missing)}"
            )
        _allowed[name] = code
    _keep(code, modules_folder() / name)
    importlib.import_module(PACKAGE)
    return f"{PACKAGE}.{name}"


def _keep(code: CodeFiles, folder: Path) -> None:
    try:
        for path, content in code.files.items():
            if (file := folder / path).is_file() and file.read_bytes() == content:
                continue
            with replacing(file) as temporary:
                temporary.write_bytes(content)
    except (SaveError, OSError) as error:
        warn_once(
            "code-kept",
            f"other processes will not find the code of this checkpoint: {error}; HF_MODULES_CACHE names another folder for it",
        )


def attribute_of(code: CodeFiles, file: str, name: str) -> Any:
    """What the file `file` of allowed code calls `name`; it runs the first time that it is asked for.

    Raises:
        UnsafeFile: it has nothing of this name. CorruptFile: a file is not Python. Else what the code itself raises.
    """
    module = f"{allow(code)}.{file.removesuffix('.py').replace('/', '.')}"
    try:
        content = vars(importlib.import_module(module))
    except BestiaryError:
        raise
    except Exception as error:
        error.add_note(
            f"while running {file} of {code.repository or 'the checkpoint'}, code that trust_remote_code=True allows"
        )
        raise
    if name not in content:
        raise UnsafeFile(f"{file} of {code.repository or 'the checkpoint'} has no {name!r:.80}, which its settings name")
    return content[name]


def files_of(module: str) -> CodeFiles | None:
    """The allowed code that the module of this name belongs to, or None."""
    package, _, rest = module.partition(".")
    return _kept(rest.partition(".")[0]) if package == PACKAGE else None


def _kept(name: str) -> CodeFiles | None:
    """The files of the package `name`: allowed in this process, or kept by another one.

    Raises:
        UnsafeFile: what was kept has been changed.
    """
    folder = modules_folder() / name
    if name not in _allowed and name.startswith("code_") and folder.is_dir():
        paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
        code = CodeFiles("", {path: content for path in paths if (content := read_local(folder, path)) is not None})
        if package_of(code) != name:
            raise UnsafeFile(
                f"{folder} holds code that was allowed once and has changed since: its files have the digest {code.digest}, so"
                " nothing of it was run. Remove the folder and open the checkpoint again"
            )
        _allowed[name] = code
    return _allowed.get(name)


class _Loader(InspectLoader):
    """Runs the bytes that were hashed; a folder without `__init__.py` is an empty package."""

    def __init__(self, code: CodeFiles, path: str, file: Path) -> None:
        self._content, self._file = code.files.get(path, b""), str(file)

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._content)

    def get_code(self, fullname: str) -> CodeType:
        try:
            return compile(self._content, self._file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise CorruptFile(f"{self._file} is not Python: {error}") from error

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        exec(self.get_code(module.__name__), module.__dict__)


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        name, *folders = rest.split(".")
        code = _kept(name) if package == PACKAGE and name else None
        if code is None:
            return None
        stem = "/".join(folders)
        is_package = not stem or any(each.startswith(f"{stem}/") for each in code.files)
        file = f"{stem}/__init__.py".lstrip("/") if is_package else f"{stem}.py"
        if not is_package and file not in code.files:
            return None
        # The package itself is what holds the files, not what an `__init__.py` of the repository says.
        loader = _Loader(code, file if stem else "", location := modules_folder() / name / file)
        spec = ModuleSpec(fullname, loader, origin=str(location), is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [str(location.parent)]
        return spec


def _import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    """`import` as code of a checkpoint has it: `transformers` is this library; all else is what it always is."""
    if level == 0 and name.partition(".")[0] == _PUBLISHED:
        # By name, as families are: the package that speaks under published names lies above this one.
        return importlib.import_module(f"{_LIBRARY}.compat.finder").old_module(name, fromlist)
    return builtins.__import__(name, globals, locals, fromlist, level)


def install_finder() -> None:
    """Let `import` find allowed code; what the package `bestiary_modules` does, in whatever process it is imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
