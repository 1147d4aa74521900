"""Classes from outside of this library say which automatic class opens them; their code is then saved along."""

import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, did_you_mean
from ...core.files import folder_to_fill, replacing
from ...core.logging import warn_once
from .files import CodeFiles, files_with_imports, read_local
from .modules import PACKAGE, files_of

_LIBRARY = __name__.partition(".")[0]


def registers_for(usual: str) -> Any:
    """`register_for_auto_class` of a kind of object that `usual`, the name of an automatic class, mostly opens."""

    def register_for_auto_class(cls: Any, auto_class: str | type = usual) -> None:
        """Let `save_pretrained` copy the code of this class along, for `auto_class` to open with `trust_remote_code=True`.

        Raises:
            ArgumentError: there is no automatic class of this name.
        """
        name = auto_class if isinstance(auto_class, str) else auto_class.__name__
        names = [each for each in sys.modules[_LIBRARY].__all__ if each.startswith("Auto")]
        if name not in names:
            raise ArgumentError(f"{name!r:.80} is no automatic class.{did_you_mean(name, names)}")
        cls._auto_class = name

    return classmethod(register_for_auto_class)


def save_code(kind: type, auto_class: str | None, folder: Any, settings: MutableMapping[str, Any]) -> list[Path]:
    """Copy the files that the class `kind` consists of into `folder`, and write into `auto_map` of `settings` where it is.

    Code that came from a checkpoint is copied whole, with whatever else that checkpoint's settings name in it. Nothing happens
    without an `auto_class`.

    Returns:
        The paths written.

    Raises:
        UnsafeFile: its file imports from folders above. SaveError: as every save.
    """
    code = None if auto_class is None else _code_of_class(kind)
    if auto_class is None or code is None:
        return []
    written = []
    for path, content in code.files.items():
        written.append(folder_to_fill(folder) / path)
        with replacing(written[-1]) as temporary:
            temporary.write_bytes(content)
    table = settings.get("auto_map")
    settings["auto_map"] = {**(table if isinstance(table, dict) else {}), auto_class: _entry(kind, auto_class)}
    return written


def _code_of_class(kind: type) -> CodeFiles | None:
    """The files of a class: of the checkpoint it came from, else the file it stands in and what that imports relatively."""
    code = files_of(kind.__module__)
    if code is not None:
        return code
    file = vars(sys.modules[kind.__module__]).get("__file__")
    if kind.__module__ == "__main__" or file is None:
        warn_once(
            "code-of-main",
            f"the code of {kind.__name__} is not saved along, for it stands in {kind.__module__}; put it into a file of its own"
            " and import it from there",
        )
        return None
    return CodeFiles("", files_with_imports(_reader(Path(file).parent), {Path(file).name}, str(file)))


def _reader(folder: Path) -> Callable[[str], bytes | None]:
    return lambda path: read_local(folder, path)


def reference_to(kind: type) -> str:
    """`module.Class`, as `auto_map` has it."""
    folders = kind.__module__.split(".")
    return f"{'/'.join(folders[2:]) if folders[0] == PACKAGE else folders[-1]}.{kind.__name__}"


def _entry(kind: type, auto_class: str) -> Any:
    """What stands in `auto_map`; for tokenizers the slow and the fast class, the fast one's name ending so."""
    if auto_class != "AutoTokenizer":
        return reference_to(kind)
    if not kind.__name__.endswith("Fast"):
        return [reference_to(kind), None]
    slow = vars(kind).get("slow_tokenizer_class")
    return [reference_to(slow) if isinstance(slow, type) else None, reference_to(kind)]
