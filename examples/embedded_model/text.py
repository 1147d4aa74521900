"""The text that the embedded model is trained on: its files, what is cut from them, and their tokens."""

import ast
import contextlib
import importlib.metadata
import importlib.util
import json
import textwrap
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"
PADDING = "<|padding|>"
# Distribution -> its folder and its licence.
PACKAGES = {
    "algorithms": ("algorithms", "MIT"),
    "boltons": ("boltons", "BSD"),
    "fnc": ("fnc", "MIT"),
    "funcy": ("funcy", "BSD"),
    "more-itertools": ("more_itertools", "MIT"),
    "mpmath": ("mpmath", "BSD"),
    "networkx": ("networkx", "BSD-3-Clause"),
    "numpy": ("numpy", "BSD-3-Clause"),
    "pydash": ("pydash", "MIT"),
    "pyfunctional": ("functional", "MIT"),
    "python-liquid": ("liquid", "MIT"),
    "ramda": ("ramda", "MIT"),
    "scipy": ("scipy", "BSD-3-Clause"),
    "sympy": ("sympy", "BSD-3-Clause"),
    "toolz": ("toolz", "BSD-3-Clause"),
}


def files(source: Path, count: int = 0) -> dict[str, Path]:
    """Name below the library -> file, of the first `count`, or of all."""
    paths = sorted(path for path in source.rglob("*.py") if "site-packages" not in path.parts)
    return {path.relative_to(source).as_posix(): path for path in paths[: count or None]}


def files_of_packages(count: int = 0) -> dict[str, Path]:
    """The same of each of the packages that are installed, without their tests."""
    found = {}
    for folder, _ in PACKAGES.values():
        spec = importlib.util.find_spec(folder)
        for root in map(Path, (spec and spec.submodule_search_locations) or ()):
            paths = sorted(path for path in root.rglob("*.py") if "tests" not in path.parts)
            found |= {f"{folder}/{path.relative_to(root).as_posix()}": path for path in paths[: count or None]}
    return found


def packages() -> str:
    """The packages that are read, with version and licence."""
    here = [(name, licence) for name, (folder, licence) in PACKAGES.items() if importlib.util.find_spec(folder)]
    return ", ".join(f"{name} {importlib.metadata.version(name)} ({licence})" for name, licence in here) or "no packages"


def is_held_out(name: str) -> bool:
    return zlib.crc32(name.encode()) % 50 == 0


def read(paths: Iterable[Path]) -> list[str]:
    """The texts of those files that parse and are not a table of data."""
    texts = []
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="ignore")
        if not 200 < len(text) < 400_000 or "encodings" in path.parts:
            continue
        with contextlib.suppress(SyntaxError, ValueError):
            ast.parse(text)
            texts.append(text)
    return texts


def cut(text: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of each function and class that fits the context comfortably, moved to the left margin."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.end_lineno and node.end_lineno - node.lineno < 45:
            piece = textwrap.dedent("\n".join(lines[node.lineno - 1 : node.end_lineno])) + "\n"
            yield "pieces", piece
            if isinstance(node, ast.FunctionDef):
                if node.end_lineno - node.lineno < 8:
                    yield "short", piece
                if line := on_one_line(node):
                    is_method = node.args.args and node.args.args[0].arg in ("self", "cls")
                    yield "short" if is_method else "one_line", line


def on_one_line(function: ast.FunctionDef) -> str | None:
    """A function that only returns something, without its docstring and annotations; None if it does more or is long."""
    body = function.body[ast.get_docstring(function, clean=False) is not None :]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
        return None
    for each in ast.walk(function.args):
        if isinstance(each, ast.arg):
            each.annotation = None
    line = f"def {function.name}({ast.unparse(function.args)}): return {ast.unparse(body[0].value)}\n"
    return line if len(line) <= 100 else None


def by_kind(texts: list[str]) -> dict[str, list[str]]:
    """Kind of text -> the texts: files, pieces of them, short functions, those on one line."""
    kinds: dict[str, list[str]] = {"files": texts, "pieces": [], "short": [], "one_line": []}
    for text in texts:
        for kind, piece in cut(text):
            kinds[kind].append(piece)
    return kinds


def train_tokenizer(texts: list[str], vocab: int) -> Tokenizer:
    """Byte-level BPE (Sennrich et al. 2016) with runs of spaces kept together, as indentation needs."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return with_padding(tokenizer)


def with_padding(tokenizer: Tokenizer) -> Tokenizer:
    """The token of the byte 0xFF, which no UTF-8 text holds, becomes that of padding: the vocabulary does not grow."""
    state = json.loads(tokenizer.to_str())
    index = state["model"]["vocab"].pop("\u00ff")
    state["model"]["vocab"][PADDING] = index
    state["added_tokens"].append({**state["added_tokens"][0], "id": index, "content": PADDING})
    return Tokenizer.from_str(json.dumps(state))


def tokens(texts: list[str], tokenizer: Tokenizer) -> np.ndarray:
    """All texts in a mixed order as one array of ids, each text ended by the end token."""
    end = tokenizer.token_to_id(END)
    order = np.random.default_rng(0).permutation(len(texts))
    parts = [np.array([end], dtype=np.uint16)]
    for at in range(0, len(texts), 1000):  # so that few rows are held in their long form
        rows = tokenizer.encode_batch_fast([texts[index] for index in order[at : at + 1000]], add_special_tokens=False)
        parts += [np.array([*row.ids, end], dtype=np.uint16) for row in rows]
    return np.concatenate(parts)
