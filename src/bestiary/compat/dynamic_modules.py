"""Code of checkpoints as libraries of others ask for it (`transformers.dynamic_module_utils`): to call these is to allow it."""

import importlib
import os
from pathlib import Path
from typing import Any

from ..core.errors import MissingDependency, UnsafeFile
from ..hub.code.files import ClassReference, code_of, files_with_imports, read_local, relative_imports
from ..hub.code.imports import absolute_imports, is_missing
from ..hub.code.modules import PACKAGE, allow, modules_folder
from ..hub.code.opening import open_attribute
from ..hub.code.options import CodeOptions
from ..hub.code.saving import save_code
from ..hub.files import HubOptions, find_file, inside
from .scripts import require_version

TRANSFORMERS_DYNAMIC_MODULE_NAME = PACKAGE
_Path = str | os.PathLike[str]


def __getattr__(name: str) -> str:
    if name == "HF_MODULES_CACHE":
        return str(modules_folder().parent)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["HF_MODULES_CACHE", *globals()]


def get_class_from_dynamic_module(
    class_reference: str, pretrained_model_name_or_path: _Path, code_revision: str | None = None, **kwargs: Any
) -> Any:
    """The class or function `module.Class`, or `organisation/name--module.Class`, in a checkpoint's code, which runs.

    Keywords are those of `from_pretrained`; those that are not the hub's are left aside.
    """
    hub, rest = HubOptions.split(kwargs)
    code = CodeOptions(True, code_revision, CodeOptions.split(rest)[0].code_digest)
    reference = ClassReference.read(class_reference, str(pretrained_model_name_or_path))
    return open_attribute(pretrained_model_name_or_path, reference, hub, code)


def get_cached_module_file(pretrained_model_name_or_path: _Path, module_file: str, **kwargs: Any) -> str:
    """Where the file `module_file` of a checkpoint's code lies below HF_MODULES_CACHE; nothing of it runs.

    Raises:
        FileMissing, HubError: it cannot be had. MissingDependency: it imports packages that are not installed.
    """
    hub, _ = HubOptions.split(kwargs)
    reference = ClassReference("", inside(module_file), "")
    code = code_of(pretrained_model_name_or_path, hub, None, reference).parts[""]
    return os.path.join(*allow(code).split("."), reference.file)


def get_class_in_module(class_name: str, module_path: _Path, *, force_reload: bool = False) -> Any:
    """What the file at `module_path`, as `get_cached_module_file` gives it, calls `class_name`; its code runs.

    The folder is named by what is in it, so there is nothing to reload unless it is asked for.

    Raises:
        UnsafeFile: no file of allowed code, or nothing of this name in it.
    """
    package, *parts = Path(os.path.normpath(module_path)).with_suffix("").parts
    if package != PACKAGE or not parts:
        raise UnsafeFile(f"{module_path} is no file of allowed code; expected what get_cached_module_file gives")
    module = importlib.import_module(".".join((package, *parts)))
    if force_reload:
        module = importlib.reload(module)
    if class_name not in vars(module):
        raise UnsafeFile(f"{module_path} has no {class_name!r:.80}")
    return vars(module)[class_name]


def get_imports(filename: _Path) -> list[str]:
    """The packages that a file of Python needs: those that it imports without `try` or `if is_..._available()`."""
    return sorted(absolute_imports(Path(filename).read_bytes(), str(filename)))


def check_imports(filename: _Path) -> list[str]:
    """The relative imports of a file.

    Raises:
        MissingDependency: names the packages that it needs and that are not installed.
    """
    if missing := [name for name in get_imports(filename) if is_missing(name)]:
        raise MissingDependency(
            f"{filename} requires the following packages that were not found in your environment: {', '.join(missing)}."
            f" Run `pip install {' '.join(missing)}`"
        )
    return get_relative_imports(filename)


def get_relative_imports(module_file: _Path) -> list[str]:
    """The modules that a file imports relatively, without their first dot."""
    modules = (module[1:] for module, _ in relative_imports(Path(module_file).read_bytes()))
    return sorted({module for module in modules if module})


def get_relative_import_files(module_file: _Path) -> list[str]:
    """The files that a file imports relatively, directly or by others.

    Raises:
        UnsafeFile: an import leads to a folder above.
    """
    path = Path(module_file)
    names = files_with_imports(lambda name: read_local(path.parent, name), {path.name}, str(path))
    return [str(path.parent / name) for name in names if name != path.name]


def custom_object_save(obj: Any, folder: _Path, config: Any = None) -> list[Path]:
    """Copy the code of the class of `obj` into `folder`, and write into `config` (or each of a list) where it is.

    Args:
        config: a table of settings, or an object that has them as attributes.
    """
    settings: dict[str, Any] = {}
    written = save_code(type(obj), obj._auto_class or "", folder, settings)
    for each in config if isinstance(config, list | tuple) else [config]:
        if each is not None and obj._auto_class is not None and written:
            table: Any = each if isinstance(each, dict) else vars(each)
            table["auto_map"] = {**(table.get("auto_map") or {}), **settings["auto_map"]}
    return written


def resolve_trust_remote_code(
    trust_remote_code: bool | None,
    model_name: _Path,
    has_local_code: bool,
    has_remote_code: bool,
    error_message: str | None = None,
    upstream_repo: str | None = None,
) -> bool | None:
    """Whether code of a checkpoint is to run; nobody is asked for it on a terminal.

    Raises:
        UnsafeFile: nothing else opens the checkpoint, and `trust_remote_code` is not true.
    """
    if has_remote_code and not has_local_code and not trust_remote_code:
        where = f" (in {upstream_repo})" if upstream_repo else ""
        begin = error_message or f"{model_name} contains custom code{where} which must be executed to open it."
        raise UnsafeFile(f"{begin} Nothing of it was run: read it, and pass trust_remote_code=True to run it")
    return False if trust_remote_code is None and has_local_code else trust_remote_code


def check_python_requirements(path_or_repo_id: _Path, requirements_file: str = "requirements.txt", **kwargs: Any) -> None:
    """Refuse to go on where packages that a file of a checkpoint lists are absent, or of another version.

    Raises:
        MissingDependency: names them all.
    """
    path = find_file(path_or_repo_id, requirements_file, HubOptions.split(kwargs)[0])
    lines = [] if path is None else [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    if failures := [failure for line in lines if line and (failure := _lacking(line)) is not None]:
        raise MissingDependency(f"Missing requirements in your local environment for {path_or_repo_id}: {'; '.join(failures)}")


def _lacking(requirement: str) -> str | None:
    try:
        require_version(requirement)
    except MissingDependency as error:
        return str(error)
    return None


def init_hf_modules() -> None:
    """Nothing: allowed code is found without being on the path."""


def create_dynamic_module(name: str | os.PathLike[str]) -> None:
    """A folder for modules in HF_MODULES_CACHE."""
    (modules_folder().parent / inside(os.fspath(name))).mkdir(parents=True, exist_ok=True)
