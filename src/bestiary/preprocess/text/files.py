"""The files of a tokenizer: reading what any release of the published library wrote, writing what it opens."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from ...core.errors import ArgumentError, BestiaryError, CorruptFile, FileMissing, InputError
from ...core.files import folder_to_fill, read_json, replacing, write_json, write_text
from ...core.gguf import read_header
from ...core.kinds import Count, fits
from ...core.logging import warn_once
from ...hub.files import HubOptions, file_itself, find_file, gguf_itself, gguf_place, inside, local_folder, of_release
from ...hub.snapshot import list_files
from .chat.template import read_templates
from .converters import gguf
from .converters.text import need_file
from .special_tokens import EXTRA, NAMED, OLDER_EXTRA, ROLES, read_token

TOKENIZER, CONFIG = "tokenizer.json", "tokenizer_config.json"
TEMPLATE, TEMPLATES = "chat_template.jinja", "additional_chat_templates"
# Written by other tools about their own doings; they say nothing about how to tokenize.
_BOOKKEEPING = frozenset(
    {"tokenizer_class", "backend", "is_local", "local_files_only", "auto_map", "name_or_path", "special_tokens_map_file"}
    | {"tokenizer_file", "vocab_file", "merges_file", "processor_class", "use_fast", "trust_remote_code", "_from_auto"}
)

# Choices that change nothing here: there is one implementation, and a class that is here needs no code of a checkpoint.
_WITHOUT_EFFECT = frozenset({"use_fast", "trust_remote_code", "code_revision", "code_digest"})


def read_rust(path: str | os.PathLike[str]) -> Tokenizer:
    """Read a tokenizer.json.

    Raises:
        CorruptFile: it is no such file; the cause says where it goes wrong.
    """
    text = need_file(path, "a tokenizer").read_bytes()
    try:
        return Tokenizer.from_str(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise CorruptFile(f"{path} is not UTF-8 text: {error}") from error
    except Exception as error:
        raise CorruptFile(f"{path} is not a tokenizer of the `tokenizers` package: {error}") from error


def read_settings(
    vocab_files: Mapping[str, str | tuple[str, ...]],
    name_or_path: str | os.PathLike[str],
    options: Mapping[str, Any],
    further: Mapping[str, str],
    whole: bool = True,
) -> dict[str, Any]:
    """The keywords that build a tokenizer: from its files, overridden by `options`.

    Args:
        vocab_files: keyword -> file name of each vocabulary file the class reads; needed where there is no tokenizer.json.
        further: keyword -> name of each other file the class reads if it is there.
        whole: whether a tokenizer.json alone makes a tokenizer of this class.
    """
    where, overrides = HubOptions.split({name: value for name, value in options.items() if name not in _WITHOUT_EFFECT})
    _, source = gguf_place(name_or_path, overrides.pop("gguf_file", None), where)
    path = file_itself(source)
    if (file := gguf_itself(source)) is not None:
        rust, stored = gguf.build(read_header(file))
        return {"tokenizer_object": rust, "name_or_path": str(file), "stored": stored, **overrides}
    if path is not None:
        keyword = "tokenizer_file" if path.suffix == ".json" else "vocab_file"
        return {keyword: path, "name_or_path": str(path), **overrides}
    settings = _config(name_or_path, where)
    templates = _templates(name_or_path, where)
    if templates is not None:
        settings["chat_template"] = templates
    settings["name_or_path"] = str(name_or_path)
    versioned = settings.pop("fast_tokenizer_files", None)
    paths = dict(_vocabularies(vocab_files, name_or_path, where, of_release(TOKENIZER, versioned) if whole else None))
    for keyword, name in further.items():
        other = find_file(name_or_path, name, where)
        if other is not None:
            paths[keyword] = other
    return {**paths, "stored": settings, **overrides}


def as_keywords(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Settings read from files as a class written elsewhere takes them: under the published names, none that says nothing."""
    settings = {**stored, "added_tokens_decoder": stored["added_tokens"], "model_specific_special_tokens": stored[NAMED]}
    said = {
        name: value for name, value in settings.items() if name not in ("added_tokens", NAMED) and value not in (None, [], {})
    }
    tokens = {token.content: token for token in stored["added_tokens"].values()}
    for role in ROLES:
        if role in said:
            token = read_token(said[role])
            said[role] = tokens.get(str(getattr(token, "content", token)), token)
    return said


def read_config(name_or_path: str | os.PathLike[str], where: HubOptions) -> dict[str, Any]:
    """The content of tokenizer_config.json; {} where there is none."""
    return _json_object(name_or_path, CONFIG, where)


def _json_object(name_or_path: str | os.PathLike[str], name: str, where: HubOptions) -> dict[str, Any]:
    path = find_file(name_or_path, name, where)
    values = {} if path is None else read_json(path)
    if not isinstance(values, dict):
        raise CorruptFile(f"{path} holds {type(values).__name__}, expected an object")
    return values


def _config(name_or_path: str | os.PathLike[str], where: HubOptions) -> dict[str, Any]:
    """Settings from tokenizer_config.json, and from the two files beside it that older releases wrote."""
    config = read_config(name_or_path, where)
    older = _json_object(name_or_path, "special_tokens_map.json", where)
    # Files without `added_tokens_decoder` are of releases that took the roles from the map first.
    first = () if "added_tokens_decoder" in config else ROLES
    config.update({role: token for role, token in older.items() if role not in config or role in first})
    stored = read_added(config.pop("added_tokens_decoder", None) or {})
    for token, index in _json_object(name_or_path, "added_tokens.json", where).items():
        if not fits(index, Count):
            raise CorruptFile(f"added_tokens.json gives {token!r:.60} the id {index!r:.60}; expected a whole number from 0")
        stored.setdefault(index, AddedToken(read_token(token)))
    named = {
        role: config.pop(role)
        for role, token in list(config.items())
        # Releases from 5 on store the roles that one model adds beside the others, under names of this form.
        if role.endswith("_token") and role not in (*ROLES, "add_bos_token", "add_eos_token") and isinstance(token, str | dict)
    }
    extra = config.get(EXTRA) or config.pop(OLDER_EXTRA, None) or []
    config.pop(OLDER_EXTRA, None)
    if isinstance(extra, dict):
        named, extra = {**extra, **named}, []
    settings = {name: value for name, value in config.items() if name not in _BOOKKEEPING}
    settings[EXTRA] = extra
    settings[NAMED], settings["added_tokens"] = named, stored
    try:
        settings["chat_template"] = read_templates(settings.get("chat_template"))
    except InputError as error:
        warn_once("template-kind", f"{name_or_path}: {error}; it is left out")
        settings["chat_template"] = None
    return settings


def read_added(values: Any, error: type[BestiaryError] = CorruptFile) -> dict[int, AddedToken]:
    """`added_tokens_decoder`: id, a number or written as text, -> token.

    Raises:
        error: it is something else.
    """
    tokens = {}
    for index, value in values.items() if isinstance(values, dict) else [("", values)]:
        token = read_token(value)
        if not str(index).isdecimal() or not isinstance(token, str | AddedToken):
            raise error(f"added_tokens_decoder holds {index!r:.60}: {value!r:.60}; expected an id and a stored token")
        tokens[int(index)] = token if isinstance(token, AddedToken) else AddedToken(token)
    return tokens


def _vocabularies(
    vocab_files: Mapping[str, str | tuple[str, ...]],
    name_or_path: str | os.PathLike[str],
    where: HubOptions,
    whole_tokenizer: str | None,
) -> Iterable[tuple[str, Path]]:
    """The vocabulary files there are: `whole_tokenizer` alone if present, else those that the class reads.

    Without a `whole_tokenizer` the class knows itself which of its files it needs.

    Raises:
        FileMissing: there is none.
    """
    whole = find_file(name_or_path, whole_tokenizer, where) if whole_tokenizer is not None else None
    if whole is not None:
        return [("tokenizer_file", whole)]
    paths = []
    for keyword, names in vocab_files.items():
        for name in (names,) if isinstance(names, str) else names:
            path = None if name == TOKENIZER and whole_tokenizer is not None else find_file(name_or_path, name, where)
            if path is not None:
                paths.append((keyword, path))
                break
    if whole_tokenizer is None and (paths or not vocab_files or find_file(name_or_path, CONFIG, where) is not None):
        return paths
    if not paths:
        expected = [
            TOKENIZER,
            *(name for names in vocab_files.values() for name in ([names] if isinstance(names, str) else names)),
        ]
        inner = f" (subfolder {where.subfolder!r})" if where.subfolder else ""
        raise FileMissing(f"{name_or_path}{inner} has no tokenizer: none of {', '.join(dict.fromkeys(expected))} is there")
    if "vocab_file" not in dict(paths):
        lacking, there = vocab_files["vocab_file"], ", ".join(path.name for _, path in paths)
        raise FileMissing(f"{name_or_path} has {there} without the vocabulary that belongs to it, {lacking}")
    return paths


def _templates(name_or_path: str | os.PathLike[str], where: HubOptions) -> str | dict[str, str] | None:
    """Chat templates in files of their own: the default one, and named ones in a folder."""
    default = find_file(name_or_path, TEMPLATE, where)
    templates = {} if default is None else {"default": default.read_text(encoding="utf-8")}
    for name in _named_templates(name_or_path, where, default):
        path = find_file(name_or_path, f"{TEMPLATES}/{name}", where)
        if path is not None:
            templates[Path(name).stem] = path.read_text(encoding="utf-8")
    return templates["default"] if list(templates) == ["default"] else templates or None


def _named_templates(name_or_path: str | os.PathLike[str], where: HubOptions, default: Path | None) -> list[str]:
    if local_folder(name_or_path) is None and default is None:  # a call for the list, only where there may be something
        return []
    lead = f"{TEMPLATES}/"
    names = [name.removeprefix(lead) for name in list_files(name_or_path, where) if name.startswith(lead)]
    return sorted(name for name in names if name.endswith(".jinja") and "/" not in name)


def write(
    write_vocabulary: Callable[[Path, str | None], Sequence[str]],
    options: dict[str, Any],
    template: str | dict[str, str] | None,
    folder: str | os.PathLike[str],
    prefix: str | None,
    separate_templates: bool,
) -> tuple[str, ...]:
    """Write every file of a tokenizer; returns the paths.

    Args:
        write_vocabulary: writes the vocabulary's own files into a folder, under names with a prefix; gives their paths.
        options: what the tokenizer would have to be constructed with, its class as `tokenizer_class` among them.
        template: the chat template, or named ones; with `separate_templates` in files of their own.
    """
    start = _prefix(prefix)
    root = folder_to_fill(folder)
    config: dict[str, Any] = {**{name: value for name, value in options.items() if name != NAMED}, **options[NAMED]}
    written = [root / f"{start}{CONFIG}", *map(Path, write_vocabulary(root, prefix))]
    named = template if isinstance(template, dict) else {} if template is None else {"default": template}
    if named and not separate_templates:
        config["chat_template"] = (
            template if isinstance(template, str) else [{"name": n, "template": t} for n, t in named.items()]
        )
    elif named:
        for name, text in named.items():
            path = root / (TEMPLATE if name == "default" else f"{TEMPLATES}/{inside(name)}.jinja")
            write_text(path, text)
            written.append(path)
    write_json(written[0], config)
    return tuple(str(path) for path in written)


def write_rust(rust: Tokenizer, folder: Path, prefix: str | None) -> str:
    """Write the whole of a Rust tokenizer as tokenizer.json."""
    path = folder / f"{_prefix(prefix)}{TOKENIZER}"
    with replacing(path) as temporary:
        temporary.write_text(rust.to_str(pretty=True), encoding="utf-8")
    return str(path)


def write_vocabulary(rust: Tokenizer, folder: str | os.PathLike[str], prefix: str | None) -> tuple[str, ...]:
    """Write the files of the tokenizer's model, each whole or not at all."""
    root = folder_to_fill(folder)
    written = []
    with tempfile.TemporaryDirectory() as aside:
        for source in map(Path, rust.model.save(aside, _prefix(prefix).removesuffix("-") or None)):
            with replacing(root / source.name) as temporary:
                shutil.copyfile(source, temporary)
            written.append(str(root / source.name))
    return tuple(written)


def _prefix(prefix: str | None) -> str:
    """`prefix` and a hyphen, when it is the beginning of a file's name."""
    if not prefix:
        return ""
    if not isinstance(prefix, str) or "/" in inside(prefix):
        raise ArgumentError(f"filename_prefix is {prefix!r:.60}; expected the beginning of a file's name")
    return f"{prefix}-"
