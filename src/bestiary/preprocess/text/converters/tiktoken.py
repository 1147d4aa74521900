"""tiktoken's files: a line for each token, its bytes in base64 and its rank. The rank is the id and the order of merging."""

import base64
import binascii
import os
from pathlib import Path

from tokenizers import Tokenizer, decoders, processors

from ....core.errors import CorruptFile
from .bpe import Merges, model, split_bytes

LONGEST = 4096
# The split of cl100k_base and of Llama 3.
PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def is_ranks(path: str | os.PathLike[str]) -> bool:
    """Whether the file is of this form (and not, say, a sentencepiece model of the same name); reads its beginning."""
    with open(path, "rb") as file:
        first = file.readline(4096).split()
    return len(first) == 2 and first[1].isdigit() and _decoded(first[0]) is not None


def read(path: str | os.PathLike[str]) -> dict[bytes, int]:
    """Bytes of a token -> rank.

    Raises:
        CorruptFile: a line is not of the form, a rank or token comes twice, or ranks are missing.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        token = _decoded(parts[0]) if len(parts) == 2 and parts[1].isdigit() else None
        if token is None or token in ranks:
            raise CorruptFile(f"line {number} of {path} is {line!r:.60}; expected a new token in base64, a space and a rank")
        if len(token) > LONGEST:
            raise CorruptFile(f"line {number} of {path} holds a token of {len(token)} bytes; none is longer than {LONGEST}")
        ranks[token] = int(parts[1])
    if len(set(ranks.values())) != len(ranks):
        raise CorruptFile(f"{path} gives a rank twice")
    return ranks


def _decoded(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def build(ranks: dict[bytes, int], pattern: str = PATTERN) -> Tokenizer:
    """A byte-level tokenizer that splits by `pattern` and merges by rank."""
    letters = byte_letters()
    vocab = {"".join(letters[byte] for byte in token): rank for token, rank in ranks.items()}
    rust = Tokenizer(model(vocab, merges(ranks, letters), ignore_merges=True))
    rust.pre_tokenizer = split_bytes(pattern)
    rust.decoder = decoders.ByteLevel()
    rust.post_processor = processors.ByteLevel(trim_offsets=False)
    return rust


def merges(ranks: dict[bytes, int], letters: list[str]) -> Merges:
    """Every way to make a token from two others, by rank; of one token, first the pair whose own parts come first."""
    ordered: Merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token)) if token[:cut] in ranks and token[cut:] in ranks]
        pairs.sort(key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
        ordered += [
            ("".join(letters[byte] for byte in left), "".join(letters[byte] for byte in right)) for left, right in pairs
        ]
    return ordered


def byte_letters() -> list[str]:
    """The letter that stands for each byte: itself where it is printable in Latin-1, else one of those from 256 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(256, 512))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]
