"""Changes to the parts of a Rust tokenizer: which special tokens it adds at the ends, and the space it puts before a text."""

import json
from typing import Any

from tokenizers import Tokenizer, processors

from ...core.errors import InputError

End = tuple[str, int]


def state(part: Any) -> dict[str, Any]:
    """A part of a Rust tokenizer (normalizer, pre-tokenizer, ...) as it stands in tokenizer.json; {} for None."""
    return {} if part is None else json.loads(part.__getstate__())


def ends_template(bos: End | None, eos: End | None) -> processors.TemplateProcessing:
    """A post-processor that puts `bos` before and `eos` after each text; the second text of a pair has type 1."""

    def around(sequence: str, kind: int) -> list[str]:
        before = [f"{bos[0]}:{kind}"] if bos else []
        after = [f"{eos[0]}:{kind}"] if eos else []
        return [*before, f"${sequence}:{kind}", *after]

    tokens = dict(end for end in (bos, eos) if end)
    return processors.TemplateProcessing(
        single=around("A", 0), pair=around("A", 0) + around("B", 1), special_tokens=list(tokens.items())
    )


def set_ends(rust: Tokenizer, bos: End | None, eos: End | None) -> None:
    """Replace what adds special tokens; the part that trims offsets of byte-level tokens, if there is one, stays."""
    template = ends_template(bos, eos)
    found = state(rust.post_processor)
    trims = [part for part in found.get("processors", [found]) if part.get("type") == "ByteLevel"]
    if trims:
        options = {name: trims[0][name] for name in ("add_prefix_space", "trim_offsets", "use_regex") if name in trims[0]}
        rust.post_processor = processors.Sequence([processors.ByteLevel(**options), template])
    else:
        rust.post_processor = template


def adds(rust: Tokenizer, token_id: int | None, first: bool) -> bool:
    """Whether encoding any text puts `token_id` first (or last)."""
    ids = rust.encode("a").ids
    plain = rust.encode("a", add_special_tokens=False).ids
    return token_id is not None and len(ids) > len(plain) and ids[0 if first else -1] == token_id


def set_prefix_space(rust: Tokenizer, value: bool) -> None:
    """Switch the space before a text, in the pre-tokenizer or in the parts of it that put one.

    Raises:
        InputError: no part of this tokenizer puts a space.
    """
    found = state(rust.pre_tokenizer)
    parts = found.get("pretokenizers", [found])
    places = [number for number, part in enumerate(parts) if part.get("type") in ("ByteLevel", "Metaspace")]
    if not places:
        raise InputError(
            f"add_prefix_space={value} has no meaning here: the pre-tokenizer {found.get('type')} puts no space before a text"
        )
    for number in places:
        part = rust.pre_tokenizer if "pretokenizers" not in found else rust.pre_tokenizer[number]
        if parts[number]["type"] == "ByteLevel":
            part.add_prefix_space = value
        else:
            part.prepend_scheme = ("first" if not parts[number].get("split", True) else "always") if value else "never"


def framed(rust: Tokenizer, first: list[int], second: list[int] | None) -> tuple[list[int], list[int]]:
    """Ids with the special tokens that encoding adds, and a mask that is 1 for those."""
    encoding = rust.encode("a", None if second is None else "a")
    ids: list[int] = []
    mask: list[int] = []
    texts = [first, second or []]
    done: set[int] = set()
    for token, sequence in zip(encoding.ids, encoding.sequence_ids, strict=True):
        if sequence is None:
            ids.append(token)
            mask.append(1)
        elif sequence not in done:
            done.add(sequence)
            ids += texts[sequence]
            mask += [0] * len(texts[sequence])
    return ids, mask
