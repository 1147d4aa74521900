"""The Python files that the classes of a checkpoint consist of, read once: these bytes are hashed, shown and run.

Nothing here runs or parses them as Python; relative imports are found by their text.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ...core.errors import CorruptFile, FileMissing, UnsafeFile
from ...core.files import read_json
from ..download import from_hub
from ..files import HubOptions, file_itself, find_file, inside, local_folder, pinned

# Files of a checkpoint that name classes of its code.
SETTINGS = (
    "config.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
)
GENERATE = "custom_generate/generate.py"  # a decoding of its own, which no other file names
MOST_BYTES, MOST_FILES = 2**21, 256  # of one file, of all

_NAME = r"\w+(?:-\w+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<repository>\w[\w.-]*(?:/\w[\w.-]*)?)--)?(?P<module>{_NAME}(?:/{_NAME})*)\.(?P<name>[^\W\d]\w*)"
)
_IMPORT = re.compile(
    rb"(?:^|[;:])[ \t]*+from[ \t]++(?P<dots>\.{1,32})[ \t]*+(?P<module>(?!import\b)[\w.]{0,400}+)?[ \t]*+import\b[ \t]*+"
    rb"(?P<names>\([^)]{0,4000}+\)|[^\n;#]{0,4000}+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class ClassReference:
    """Where a class is, as `auto_map` says it: `folder/module.Name`, or `organisation/name--module.Name`.

    repository: "" for the checkpoint's own. file: its path in there.
    """

    repository: str
    file: str
    name: str

    @classmethod
    def read(cls, text: Any, where: str = "") -> "ClassReference":
        """From its text; a repository that is `where` itself is the checkpoint's own.

        Raises:
            UnsafeFile: it is none, or leads outside of the repository.
        """
        match = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise UnsafeFile(
                f"{where or 'a file'} names {text!r:.80} for a class of its code; expected 'module.Class', with folders"
                " 'folder/module.Class', or of another repository on the hub 'organisation/name--module.Class'"
            )
        repository = match["repository"] or ""
        return cls("" if repository == where else repository, inside(f"{match['module']}.py"), match["name"])

    def __str__(self) -> str:
        module = f"{self.file.removesuffix('.py')}.{self.name}"
        return f"{self.repository}--{module}" if self.repository else module


@dataclass(frozen=True)
class CodeFiles:
    """Files of one repository: path -> content. They are one package, whatever else the repository holds."""

    repository: str
    files: dict[str, bytes]

    def lines(self) -> list[str]:
        """A line for each file, as the command `sha256sum` writes it, sorted by name."""
        prefix = f"{self.repository}--" if self.repository else ""
        return [f"{hashlib.sha256(self.files[path]).hexdigest()}  {prefix}{path}\n" for path in sorted(self.files)]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the `lines`, without the name of the repository."""
        return _sha256(replace(self, repository="").lines())


@dataclass(frozen=True)
class CheckpointCode:
    """All code that a checkpoint names, by repository; its own is under ""."""

    parts: dict[str, CodeFiles]

    def lines(self) -> list[str]:
        """The lines of all files, the checkpoint's own first."""
        return [line for name in sorted(self.parts) for line in self.parts[name].lines()]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the `lines`: where all files are the checkpoint's own, what `sha256sum FILES | sha256sum` prints."""
        return _sha256(self.lines())


def _sha256(lines: list[str]) -> str:
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def code_of(name_or_path: Any, hub: HubOptions, revision: str | None, *further: ClassReference) -> CheckpointCode:
    """The code of a checkpoint: the files that its `auto_map`s and pipelines name, its own `generate`, and what these import.

    Args:
        revision: that of the code on the hub, where it is another than `hub.revision`. further: classes to have as well.

    Raises:
        FileMissing, HubError: a file cannot be had. UnsafeFile: a name or an import leads outside of its repository.
        CorruptFile: more or larger files than code has.
    """
    file = file_itself(name_or_path)
    home = name_or_path if file is None else file.parent
    references = {*further}
    for name in SETTINGS:
        path = find_file(home, name, hub)
        if path is not None:
            hub = pinned(hub, path)
            values = read_json(path)
            references |= {ClassReference.read(text, str(home)) for text in named_classes(values)}
    entries: dict[str, set[str]] = {}
    for reference in references:
        entries.setdefault(reference.repository, set()).add(reference.file)
    home_options = replace(hub, subfolder="", revision=(revision if "" in entries else None) or hub.revision)
    reader = _reader(home, home_options)
    if reader(GENERATE) is not None:
        entries.setdefault("", set()).add(GENERATE)
    parts = {}
    for repository, files in entries.items():
        read = _reader(repository, replace(home_options, revision=revision), on_hub=True) if repository else reader
        parts[repository] = CodeFiles(repository, files_with_imports(read, files, repository or str(home)))
    return CheckpointCode(parts)


def named_classes(values: Any) -> Iterator[str]:
    """The classes that settings name in `auto_map` and `custom_pipelines`, also those of a part inside of a processor's."""
    if not isinstance(values, dict):
        return
    table = values.get("auto_map")
    for entry in table.values() if isinstance(table, dict) else [table]:
        yield from (text for text in _alternatives(entry) if text is not None)
    pipelines = values.get("custom_pipelines")
    for pipeline in pipelines.values() if isinstance(pipelines, dict) else ():
        if isinstance(pipeline, dict) and "impl" in pipeline:
            yield pipeline["impl"]
    for part in values.values():
        if isinstance(part, dict) and "auto_map" in part:
            yield from named_classes({"auto_map": part["auto_map"]})


def class_named_for(values: Any, opener: str, where: str) -> ClassReference | None:
    """The class that `auto_map` in settings names for the automatic class `opener`, or None.

    Of several tokenizers it is the last, the fast one, of image processors the first, which works without torchvision.
    """
    table = values.get("auto_map") if isinstance(values, dict) else None
    if isinstance(table, list) and opener == "AutoTokenizer":  # as tokenizers of 2022 have it
        table = {opener: table}
    texts = [text for text in _alternatives(table.get(opener) if isinstance(table, dict) else None) if text is not None]
    return ClassReference.read(texts[-1 if opener == "AutoTokenizer" else 0], where) if texts else None


def _alternatives(entry: Any) -> list[Any]:
    """The classes of one entry: one, a list of a slow and a fast one, or a table by backend."""
    return entry if isinstance(entry, list) else list(entry.values()) if isinstance(entry, dict) else [entry]


def read_local(folder: Path, path: str) -> bytes | None:
    """The file `path` of a folder; None where there is none.

    Raises:
        UnsafeFile: it is a link to outside of the folder. CorruptFile: larger than a file of code.
    """
    file = folder / path
    if not file.is_file():
        return None
    root, target = folder.resolve(), file.resolve()
    blobs = root.parent.parent / "blobs"  # where the links of the hub's cache lead to
    if not target.is_relative_to(root) and not (root.parent.name == "snapshots" and target.is_relative_to(blobs)):
        raise UnsafeFile(f"{file} is a link to {target}, outside of the folder; code is read from files inside of it alone")
    return _bounded(target)


def _bounded(file: Path) -> bytes:
    with open(file, "rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise CorruptFile(f"{file} has more than {MOST_BYTES:,} bytes; a file of code has less")
    return content


def _reader(home: Any, hub: HubOptions, on_hub: bool = False) -> Callable[[str], bytes | None]:
    """What gives the content of a file of a folder or repository, or None."""
    folder = None if on_hub else local_folder(home)

    def read(path: str) -> bytes | None:
        if folder is not None:
            return read_local(folder, path)
        nonlocal hub
        file = from_hub(str(home), path, hub)
        if file is None:
            return None
        hub = pinned(hub, file)
        return _bounded(file)

    return read


def files_with_imports(read: Callable[[str], bytes | None], entries: set[str], where: str) -> dict[str, bytes]:
    """The files `entries` and all that they import relatively, directly or by others."""
    files: dict[str, bytes] = {}
    pending = sorted(entries)
    while pending:
        path = pending.pop()
        if path in files:
            continue
        content = read(path)
        if content is None:
            raise FileMissing(f"{where} names code in {path}, and there is no such file in it")
        files[path] = content
        if len(files) > MOST_FILES:
            raise CorruptFile(f"the code of {where} is more than {MOST_FILES} files; expected fewer")
        pending += imported_files(path, content, lambda other: other in files or read(other) is not None, where)
    return files


def imported_files(path: str, content: bytes, exists: Callable[[str], bool], where: str) -> list[str]:
    """The files that the relative imports in the file `path` mean, with the `__init__.py` of the folders on the way.

    Raises:
        UnsafeFile: an import leads above the repository `where`.
    """
    imported: list[str] = []
    for module, names in relative_imports(content):
        level = len(module) - len(module.lstrip("."))
        folders = PurePosixPath(path).parts[:-1]
        if level - 1 > len(folders):
            raise UnsafeFile(f"{path} of {where} imports from {module!r:.80}, above its repository; expected a file inside")
        base = [*folders[: len(folders) - level + 1], *filter(None, module.lstrip(".").split("."))]
        is_file = bool(base) and exists("/".join(base) + ".py")
        for steps in [base] if is_file or not names else [[*base, name] for name in names]:
            paths = ["/".join(steps[: index + 1]) for index in range(len(steps))]
            imported += [file for path in paths if exists(file := f"{path}/__init__.py")]
            imported += [file for path in paths[-1:] if exists(file := f"{path}.py")]
    return list(dict.fromkeys(imported))


def relative_imports(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """The relative imports in Python's text: the module with its dots, and the names that are imported from it."""
    for match in _IMPORT.finditer(content.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")):
        text = re.sub(rb"#[^\n]*", b"", match["names"]).decode(errors="replace").strip("() \t\r\n")
        names = [name.split()[0] for name in text.split(",") if name.split()]
        module = (match["dots"] + (match["module"] or b"")).decode(errors="replace")
        yield module, [name for name in names if name.isidentifier()]
