"""Whether code of a checkpoint runs: where the caller says so, and, if a digest is given, if it is the code that was meant."""

from collections.abc import Callable
from typing import Any

from ...core.errors import BestiaryError, UnsafeFile
from ..files import HubOptions, file_itself, local_folder
from .files import GENERATE, CheckpointCode, ClassReference, code_of
from .modules import attribute_of
from .options import CodeOptions


def open_class(name_or_path: Any, reference: ClassReference, hub: HubOptions, options: CodeOptions) -> type:
    """The class in the code of a checkpoint that `reference` names.

    Raises:
        UnsafeFile: the caller has not allowed code, it has another digest than `options.code_digest`, or what is named is no
            class. FileMissing, HubError, CorruptFile, MissingDependency: it cannot be had or run. Else what it raises itself.
    """
    kind = open_attribute(name_or_path, reference, hub, options)
    if not isinstance(kind, type) or not callable(getattr(kind, "from_pretrained", None)):
        raise UnsafeFile(
            f"{reference}, which {name_or_path} names for a class of its code, is {kind!r:.80}; expected a class that has"
            " from_pretrained"
        )
    return kind


def open_attribute(name_or_path: Any, reference: ClassReference, hub: HubOptions, options: CodeOptions) -> Any:
    """`open_class` for whatever the code calls by that name."""
    if not options.trust_remote_code:
        raise refusal(name_or_path, reference, hub, options)
    code = code_of(name_or_path, hub, options.code_revision, reference)
    expected = (options.code_digest or "").removeprefix("sha256:").lower()
    if expected and code.digest != expected:
        raise UnsafeFile(
            f"the code of {name_or_path} has the digest {code.digest}, and code_digest= expects {expected}: it is not what was"
            f" meant, so nothing of it was run. Its files are\n{_listed(code)}\nRead them before you allow this digest"
        )
    return attribute_of(code.parts[reference.repository], reference.file, reference.name)


def open_generate(name_or_path: Any, hub: HubOptions, options: CodeOptions) -> Callable[..., Any]:
    """The function `generate` in `custom_generate/generate.py` of a checkpoint, which decodes in place of the library's.

    Raises:
        UnsafeFile: the caller has not allowed code, or it is no function. FileMissing: there is no such file. Else as above.
    """
    function: Callable[..., Any] = open_attribute(name_or_path, ClassReference("", GENERATE, "generate"), hub, options)
    if not callable(function):
        raise UnsafeFile(f"generate in {GENERATE} of {name_or_path} is {function!r:.80}; expected a function")
    return function


def refusal(name_or_path: Any, reference: ClassReference, hub: HubOptions, options: CodeOptions) -> UnsafeFile:
    """The error of a checkpoint that only its own code opens: what would run, from which files, and what to pass."""
    begin = f"{name_or_path} contains custom code which must be executed to open it ({reference}); nothing of it was run."
    if reference.repository:
        begin += f" The code lies in another repository, {reference.repository}."
    try:
        code = code_of(name_or_path, hub, options.code_revision, reference)
    except BestiaryError as error:
        return UnsafeFile(f"{begin} Its files cannot be shown: {error}. Once you have read them, pass trust_remote_code=True")
    return UnsafeFile(
        f"{begin} Its files and their SHA-256 digests are\n{_listed(code)}\nRead them ({_place(name_or_path)}). To run them"
        f" pass trust_remote_code=True, code_digest='{code.digest}'; without code_digest= what stands there by then runs"
    )


def _listed(code: CheckpointCode) -> str:
    return "".join(f"  {line}" for line in code.lines()).rstrip("\n")


def _place(name_or_path: Any) -> str:
    file = file_itself(name_or_path)
    folder = local_folder(name_or_path if file is None else file.parent)
    return f"https://hf.co/{name_or_path}" if folder is None else str(folder.resolve())
