"""The Rust tokenizer: used without ever changing its settings, edited in its parts, and judged before it is trusted."""

import base64
import copy
import json
import os
from typing import Any

from tokenizers import Encoding, Tokenizer, processors

from ...core.errors import UnsafeFile
from ...core.logging import warn_once

_VARIABLE = "TOKENIZERS_PARALLELISM"
End = tuple[str, int]
# Of the published normalizers, the compatibility forms of Unicode lengthen most: one character to 18.
MOST = 64


class RustTokenizer:
    """One Rust tokenizer and the read-only twins that encode differently.

    Padding, truncation and `encode_special_tokens` are settings of a Rust tokenizer, shared by all who use it. So they
    stay off here, and what a call asks for is done on its own results; where that cannot be, a twin is made once.
    """

    def __init__(self, main: Tokenizer) -> None:
        main.no_padding()
        main.no_truncation()
        main.encode_special_tokens = False
        self.main = main
        self._twins: dict[tuple[bool, bool | None, bool], Tokenizer] = {}
        self._joining: Tokenizer | None = None
        self._joins: bool | None = None

    def forget_twins(self) -> None:
        """To be called after any change of `main`."""
        self._twins, self._joining, self._joins = {}, None, None

    @property
    def joins(self) -> bool:
        """Whether `main` says of its encodings which text each token is of, as `joining` does."""
        if self._joins is None:
            self._joins = self.main.post_processor is not None
        return self._joins

    def full(self, split_special: bool, prefix_space: bool | None) -> Tokenizer:
        """The whole tokenizer, or a twin that splits special tokens like other text, or puts a space first, or does not."""
        changed = split_special or prefix_space is not None
        return self._twin(split_special, prefix_space, True) if changed else self.main

    def bare(self, split_special: bool, prefix_space: bool | None) -> Tokenizer:
        """A twin that adds nothing. Its encodings know no sequence yet, so that joining them cannot mix up two."""
        return self._twin(split_special, prefix_space, False)

    def joining(self) -> Tokenizer:
        """The twin whose `post_process` makes a row of the `bare` encodings of one or two texts: it adds what `main` adds."""
        if self._joining is None:
            # First the types and sequences of a pair, which some processors expect of the encodings they are handed.
            pair = processors.TemplateProcessing(single="$A:0", pair="$A:0 $B:1", special_tokens=[])
            main = self.main.post_processor
            self._joining = Tokenizer(self.main.model)
            self._joining.post_processor = processors.Sequence([pair] if main is None else [pair, main])
        return self._joining

    def framed(self, post_processor: Any) -> "RustTokenizer":
        """Another tokenizer of the same vocabulary, which puts other tokens at the ends of a text."""
        twin = _twin(self.main)
        twin.post_processor = post_processor
        return RustTokenizer(twin)

    def _twin(self, split_special: bool, prefix_space: bool | None, adds: bool) -> Tokenizer:
        twin = self._twins.get((split_special, prefix_space, adds))
        if twin is None:
            twin = _twin(self.main)
            if adds and self.main.post_processor is not None:
                twin.post_processor = self.main.post_processor
            twin.encode_special_tokens = split_special
            if prefix_space is not None:
                if self.main.pre_tokenizer is not None:
                    twin.pre_tokenizer = copy.deepcopy(self.main.pre_tokenizer)  # it is shared otherwise
                set_prefix_space(twin, prefix_space)
            self._twins[split_special, prefix_space, adds] = twin
        return twin

    def __getstate__(self) -> Tokenizer:
        return self.main

    def __setstate__(self, main: Tokenizer) -> None:
        self.__init__(main)  # type: ignore[misc]


_TYPE_1 = processors.TemplateProcessing(single="$A:1", pair="$A $B", special_tokens=[])


def as_second(encoding: Encoding) -> Encoding:
    """A `bare` encoding, of one token or more, whose tokens have type 1, as in the second text of a pair."""
    typed = _TYPE_1.process(encoding)
    # The processor also makes it the sequence 0. What overflows is of no sequence: let everything overflow.
    typed.pad(2 * len(encoding), direction="left")
    typed.truncate(len(encoding))
    return typed.overflowing[0]


def _twin(source: Tokenizer) -> Tokenizer:
    """A tokenizer without post-processor that shares the vocabulary of `source`, so that it costs little memory."""
    twin = Tokenizer(source.model)
    if source.normalizer is not None:
        twin.normalizer = source.normalizer
    if source.pre_tokenizer is not None:
        twin.pre_tokenizer = source.pre_tokenizer
    added = source.get_added_tokens_decoder()
    twin.add_tokens([added[index] for index in sorted(added)])
    if set(twin.get_added_tokens_decoder()) == set(added):
        return twin
    # Added ids with holes between them are not reproduced by adding again; the stored form keeps them.
    whole = Tokenizer.from_str(source.to_str())
    whole.post_processor = None
    return whole


_was: list[str | None] = []


def _before_fork() -> None:
    _was.append(os.environ.get(_VARIABLE))
    os.environ.setdefault(_VARIABLE, "false")


def _after_fork_in_parent() -> None:
    if _was.pop() is None:
        os.environ.pop(_VARIABLE, None)


# A forked child has no Rust threads left and must not wait for them; the package reads this variable, and warns without it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_was.clear)


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
    processor = state(rust.post_processor)
    trims = [part for part in processor.get("processors", [processor]) if part.get("type") == "ByteLevel"]
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
    """Switch the space before a text, in the pre-tokenizer or in the parts of it that put one; warn where none does."""
    stored = state(rust.pre_tokenizer)
    parts = stored.get("pretokenizers", [stored])
    places = [number for number, part in enumerate(parts) if part.get("type") in ("ByteLevel", "Metaspace")]
    if not places:
        name = stored.get("type", "a tokenizer without pre-tokenizer")
        warn_once(
            "prefix-space", f"add_prefix_space={value} changes nothing: the pre-tokenizer {name} puts no space before a text"
        )
    for number in places:
        part = rust.pre_tokenizer if "pretokenizers" not in stored else rust.pre_tokenizer[number]
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
