"""How much longer a tokenizer's own files may make a text: a few rules of replacement can turn a word into gigabytes."""

import base64
import json
from typing import Any

from tokenizers import Tokenizer

from ...core.errors import UnsafeFile

# Of the published normalizers, the compatibility forms of Unicode lengthen most: one character to 18.
MOST = 64


def check_growth(rust: Tokenizer) -> None:
    """Refuse a normalizer or a decoder that may make a text more than `MOST` times as long.

    Raises:
        UnsafeFile: names the part and by how much.
    """
    for name, part in (("normalizer", rust.normalizer), ("decoder", rust.decoder)):
        times = 1.0 if part is None else _growth(json.loads(part.__getstate__()))
        if times > MOST:
            raise UnsafeFile(
                f"the {name} of this tokenizer may make a text {times:.0f} times as long; at most {MOST} times is taken"
            )


def _growth(part: dict[str, Any]) -> float:
    times = 1.0
    for inner in part.get("normalizers", part.get("decoders", [])):
        times *= _growth(inner)
    if part["type"] == "Replace":
        pattern = part["pattern"].get("String", "")
        times = max(1.0, len(part["content"]) / max(1, len(pattern)))
    if part["type"] == "Precompiled":  # a table of characters: the size of an index, the index, and what they become
        table = base64.b64decode(part["precompiled_charsmap"])
        times = max(map(len, table[4 + int.from_bytes(table[:4], "little") :].split(b"\0")))
    return times
