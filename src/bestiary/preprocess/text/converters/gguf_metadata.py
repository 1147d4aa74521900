"""A tokenizer becomes the metadata of a GGUF file: the inverse of `converters/gguf.py`."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ....core.errors import ConfigError
from ....core.logging import warn_once
from .gguf import DIGITS, PREFIX, ROLES, SPLITS
from .sentencepiece import BYTE, CONTROL, NORMAL, SPACE, UNKNOWN, UNUSED, USER_DEFINED

# The name that is written for an expression, where several are read.
_NAMES: dict[str, str] = {}
for _name, _split in SPLITS.items():
    _NAMES.setdefault(_split, _name)
_LISTS = ("tokens", "scores", "token_type")


def metadata_of(tokenizer: Any, vocab_size: int) -> dict[str, Any]:
    """Key -> value: vocabulary, merges, roles of tokens and chat templates.

    Args:
        tokenizer: one over the Rust package. vocab_size: rows of the model's embeddings; ids beyond the tokens get fillers.

    Raises:
        ConfigError: the tokenizer is of a kind that GGUF has no name for, or has more tokens than the model.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigError(f"a {type(tokenizer).__name__} cannot be written as GGUF; expected one that tokenizer.json can hold")
    stored = json.loads(tokenizer.backend_tokenizer.to_str())
    kind = _kind(stored)
    tokens: dict[int, tuple[str, float, int]] = _WRITERS[kind](stored["model"])
    for added in stored["added_tokens"]:
        _, score, before = tokens.get(added["id"], ("", -1000.0, NORMAL))
        unknown = before == UNKNOWN or (kind != "gpt2" and added["content"] == str(tokenizer.unk_token))
        marked = UNKNOWN if unknown else CONTROL if added["special"] else USER_DEFINED
        tokens[added["id"]] = (added["content"], score, marked)
    if tokens and max(tokens) >= vocab_size:
        raise ConfigError(
            f"the tokenizer has {max(tokens) + 1} tokens, the model embeddings for {vocab_size}: resize_token_embeddings first"
        )
    rows = [tokens.get(index, (f"[PAD{index}]", -1000.0, UNUSED)) for index in range(vocab_size)]
    values: dict[str, Any] = {"model": kind, "pre": _split_name(stored, kind)}
    values |= {name: [row[place] for row in rows] for place, name in enumerate(_LISTS) if name != "scores" or kind != "gpt2"}
    if kind == "gpt2":
        values["merges"] = [each if isinstance(each, str) else " ".join(each) for each in stored["model"]["merges"]]
    values |= {key: index for role, key in ROLES.items() if (index := getattr(tokenizer, f"{role}_id", None)) is not None}
    if kind != "bert":
        values["add_bos_token"], values["add_eos_token"] = bool(tokenizer.add_bos_token), bool(tokenizer.add_eos_token)
    if kind in ("llama", "t5"):
        values["add_space_prefix"] = _prefixed(stored)
    if charsmap := _find(stored["normalizer"], "precompiled_charsmap"):
        values["precompiled_charsmap"] = _decoded(charsmap)
    return {f"{PREFIX}{key}": value for key, value in values.items()} | _templates(tokenizer.chat_template)


def _templates(template: Any) -> dict[str, str]:
    key = "tokenizer.chat_template"
    named = template if isinstance(template, Mapping) else {} if template is None else {"default": template}
    return {key if name == "default" else f"{key}.{name}": text for name, text in named.items()}


def _kind(stored: Mapping[str, Any]) -> str:
    model = stored["model"]
    if model["type"] == "BPE":
        if model["byte_fallback"]:
            return "llama"
        if _find(stored["pre_tokenizer"], "use_regex") is not None:
            return "gpt2"
        raise ConfigError("a BPE tokenizer of neither bytes nor byte fallback has no name in GGUF")
    names = {"Unigram": "t5", "WordPiece": "bert"}
    if model["type"] not in names:
        raise ConfigError(f"a tokenizer of the kind {model['type']} has no name in GGUF; expected BPE, Unigram or WordPiece")
    return names[model["type"]]


def _find(part: Any, key: str) -> Any:
    """The first value under `key` in a part of a tokenizer, or in the parts of that."""
    for each in part if isinstance(part, list) else part.values() if isinstance(part, dict) else ():
        if isinstance(each, list | dict) and (found := _find(each, key)) is not None:
            return found
    return part.get(key) if isinstance(part, dict) else None


def _split_name(stored: Mapping[str, Any], kind: str) -> str:
    """What `tokenizer.ggml.pre` says of the way in which texts are cut into words."""
    if kind != "gpt2":
        return "default"
    expression = _find(stored["pre_tokenizer"], "Regex")
    if expression is None:
        digits = _find(stored["pre_tokenizer"], "individual_digits")
        return "smollm" if digits and "smollm" in DIGITS else "gpt-2"
    if expression not in _NAMES:
        text = "the tokenizer cuts texts into words in a way that GGUF has no name for; programs will cut them as GPT-2 does"
        warn_once("gguf-split", text)
    return _NAMES.get(expression, "gpt-2")


def _prefixed(stored: Mapping[str, Any]) -> bool:
    scheme = _find(stored["pre_tokenizer"], "prepend_scheme")
    return scheme not in (None, "never") or _find(stored["normalizer"], "prepend") is not None


def _decoded(charsmap: str) -> list[int]:
    from base64 import b64decode

    return [each - 256 if each > 127 else each for each in b64decode(charsmap)]


def _byte_level(model: Mapping[str, Any]) -> dict[int, tuple[str, float, int]]:
    return {index: (token, 0.0, NORMAL) for token, index in model["vocab"].items()}


def _ranked(model: Mapping[str, Any]) -> dict[int, tuple[str, float, int]]:
    """Tokens of sentencepiece's BPE: what is merged first has the best score."""
    ranks: dict[str, int] = {}
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        ranks.setdefault(left + right, len(ranks))
    unknown = model["unk_token"]
    tokens = {}
    for token, index in model["vocab"].items():
        byte = len(token) == 6 and token.startswith("<0x") and token.endswith(">")
        kind = UNKNOWN if token == unknown else BYTE if byte else NORMAL
        tokens[index] = (token, -float(ranks.get(token, len(ranks))) if kind == NORMAL else 0.0, kind)
    return tokens


def _scored(model: Mapping[str, Any]) -> dict[int, tuple[str, float, int]]:
    unknown = model["unk_id"]
    pairs = enumerate(model["vocab"])
    return {index: (token, score, UNKNOWN if index == unknown else NORMAL) for index, (token, score) in pairs}


def _pieces(model: Mapping[str, Any]) -> dict[int, tuple[str, float, int]]:
    """Tokens of WordPiece, the first of a word marked instead of the further ones."""
    prefix = model["continuing_subword_prefix"]
    return {
        index: (token.removeprefix(prefix) if token.startswith(prefix) else f"{SPACE}{token}", 0.0, NORMAL)
        for token, index in model["vocab"].items()
    }


_WRITERS: dict[str, Callable[[Mapping[str, Any]], dict[int, tuple[str, float, int]]]] = {
    "gpt2": _byte_level,
    "llama": _ranked,
    "t5": _scored,
    "bert": _pieces,
}
