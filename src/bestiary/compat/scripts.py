"""What the published example scripts and models written after their pattern import besides models: checks of versions,
decorators of docstrings, names of strategies and of kinds of text, conversions."""

import platform
from collections.abc import Callable
from functools import cached_property as cached_property
from importlib import metadata
from typing import Any, TypeVar
from typing import Unpack as Unpack

from ..core.errors import ArgumentError, MissingDependency
from ..core.optional import available
from ..hub.options import cache_folder
from ..preprocess.text.padding import PaddingStrategy as PaddingStrategy
from ..preprocess.text.truncation import TruncationStrategy as TruncationStrategy

TextInput = str
PreTokenizedInput = list[str]
EncodedInput = list[int]
TextInputPair = tuple[str, str]
PreTokenizedInputPair = tuple[list[str], list[str]]
EncodedInputPair = tuple[list[int], list[int]]
WEIGHTS_INDEX_NAME = "pytorch_model.bin.index.json"
SAFE_WEIGHTS_INDEX_NAME = "model.safetensors.index.json"
ADAPTER_CONFIG_NAME = "adapter_config.json"
ADAPTER_WEIGHTS_NAME = "adapter_model.bin"
ADAPTER_SAFE_WEIGHTS_NAME = "adapter_model.safetensors"
FEATURE_EXTRACTOR_NAME = IMAGE_PROCESSOR_NAME = "preprocessor_config.json"
PROCESSOR_NAME = "processor_config.json"
VIDEO_PROCESSOR_NAME = "video_preprocessor_config.json"
AUDIO_TOKENIZER_NAME = "audio_tokenizer_config.json"
TOKENIZER_FILE = FULL_TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_MAP_FILE = "special_tokens_map.json"
ADDED_TOKENS_FILE = "added_tokens.json"
VERY_LARGE_INTEGER, LARGE_INTEGER = int(1e30), int(1e20)
CHAT_TEMPLATE_FILE = "chat_template.jinja"
MODEL_CARD_NAME = "modelcard.json"
SPIECE_UNDERLINE = SENTENCEPIECE_UNDERLINE = "\u2581"
DUMMY_INPUTS = [[7, 6, 0, 0, 1], [1, 2, 3, 0, 0], [0, 0, 0, 4, 5]]
DUMMY_MASK = [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 1, 1]]
_CACHES = ("PYTORCH_PRETRAINED_BERT_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "TRANSFORMERS_CACHE")
_Documented = TypeVar("_Documented")


def __getattr__(name: str) -> str:
    if name in _CACHES:
        return cache_folder()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*_CACHES, *(name for name in globals() if not name.startswith("_"))})


def require_version(requirement: str, hint: str | None = None) -> None:
    """Refuse to go on without a package, for example `datasets>=1.8`, or without `python>=3.8`; `hint` says how to get it.

    Raises:
        MissingDependency: it is not installed, or in another version.
    """
    from packaging.requirements import Requirement

    required = Requirement(requirement)
    more = f". {hint}" if hint else ""
    try:
        version = platform.python_version() if required.name == "python" else metadata.version(required.name)
    except metadata.PackageNotFoundError as error:
        raise MissingDependency(f"{requirement} is needed, and {required.name} is not installed{more}") from error
    if not required.specifier.contains(version, prereleases=True):
        raise MissingDependency(f"{requirement} is needed, and {required.name} {version} is installed{more}")


def require_version_core(requirement: str) -> None:
    """`require_version` for what the library itself needs."""
    require_version(requirement, "pip install -U bestiary installs what it needs")


def dep_version_check(pkg: str, hint: str | None = None) -> None:
    """`require_version` for the package `pkg`, in the version that this library asks for, if it asks for it.

    Raises:
        ArgumentError: the library does not use it.
    """
    from packaging.requirements import Requirement

    needed = {Requirement(line).name.lower(): line.partition(";")[0] for line in metadata.requires("bestiary") or ()}
    if pkg.lower() not in needed:
        raise ArgumentError(f"bestiary does not use {pkg!r:.80}; it uses {', '.join(sorted(needed))}")
    require_version(needed[pkg.lower()], hint)


def requires_backends(obj: Any, backends: str | list[str]) -> None:
    """Refuse to go on, for the class or function `obj`, without the packages `backends`.

    Raises:
        MissingDependency: names those that are not installed.
    """
    packages = [backends] if isinstance(backends, str) else backends
    if absent := [name for name in packages if not available({"vision": "PIL"}.get(name, name))]:
        name = getattr(obj, "__name__", type(obj).__name__)
        raise MissingDependency(f"{name} needs {', '.join(absent)}, not installed here")


def send_example_telemetry(example_name: str, *example_args: Any, framework: str = "pytorch") -> None:
    """Nothing: this library tells nobody what is run."""


def add_start_docstrings(*docstr: str) -> Callable[[_Documented], _Documented]:
    """A decorator that puts texts before a docstring."""

    def decorate(documented: _Documented) -> _Documented:
        documented.__doc__ = "".join(docstr) + (documented.__doc__ or "")
        return documented

    return decorate


add_start_docstrings_to_model_forward = add_start_docstrings


def add_end_docstrings(*docstr: str) -> Callable[[_Documented], _Documented]:
    """A decorator that puts texts after a docstring."""

    def decorate(documented: _Documented) -> _Documented:
        documented.__doc__ = (documented.__doc__ or "") + "".join(docstr)
        return documented

    return decorate


def replace_return_docstrings(output_type: Any = None, config_class: Any = None) -> Callable[[_Documented], _Documented]:
    """A decorator that leaves a docstring as it is: its `Returns:` is what its author wrote."""
    return lambda documented: documented


def add_code_sample_docstrings(*docstr: str, **samples: Any) -> Callable[[_Documented], _Documented]:
    """A decorator that puts texts before a docstring; published samples are not repeated here."""
    return add_start_docstrings(*docstr)


def to_py_obj(obj: Any) -> Any:
    """Tensors and arrays, also in dictionaries and lists, as plain numbers and lists."""
    if isinstance(obj, dict):
        return {name: to_py_obj(value) for name, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [to_py_obj(value) for value in obj]
    import numpy as np

    return obj.tolist() if is_tensor(obj) or isinstance(obj, np.generic) else obj


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor of torch or an array of numpy."""
    import numpy as np
    import torch

    return isinstance(x, torch.Tensor | np.ndarray)


def is_torch_device(x: Any) -> bool:
    """Whether `x` is a device of torch."""
    import torch

    return isinstance(x, torch.device)


def bytes_to_unicode() -> dict[int, str]:
    """The letter that stands for each byte in the vocabularies of byte-level tokenizers."""
    from ..preprocess.text.converters.tiktoken import byte_letters

    return dict(enumerate(byte_letters()))


def make_markdown_table(lines: list[dict[str, Any]] | None) -> str:
    """A table of Markdown with a row for each dictionary, whose columns are the keys of the first; numbers to 4 places."""
    if not lines:
        return ""

    def row(cells: list[Any]) -> str:
        texts = [f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells]
        return "| " + " | ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)) + " |"

    names = list(lines[0])
    widths = [
        max(len(f"{cell:.4f}" if isinstance(cell, float) else str(cell)) for cell in (name, *(line[name] for line in lines)))
        for name in names
    ]
    rule = "|" + "|".join(f":{'-' * width}:" for width in widths) + "|"
    return "\n".join([row(names), rule, *(row([line[name] for name in names]) for line in lines)])
