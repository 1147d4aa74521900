"""Sentencepiece's `.model` files: a unigram or a BPE model over raw text, spaces written as ▁ (Kudo & Richardson, 2018)."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from ....core.errors import CorruptFile, InputError
from ....core.kinds import fits
from ..rust import ends_template
from . import bpe, protobuf
from .text import is_path, is_text

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
UNIGRAM, BPE = 1, 2
SPACE = "▁"
LONGEST = 4096


@dataclass
class Piece:
    """A token, its score (log probability, or minus its rank), and its kind."""

    text: str = ""
    score: float = 0.0
    kind: int = NORMAL


@dataclass
class Model:
    """What of a `.model` file says how to tokenize; the names are those of sentencepiece."""

    pieces: list[Piece] = field(default_factory=list)
    model_type: int = UNIGRAM
    byte_fallback: bool = False
    unk_id: int = 0
    charsmap: bytes = b""
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    merges: bpe.Merges | None = None  # where they are said, rather than follow from the scores


def read(vocab: Any, merges: Any = None, unknown: str = "<unk>") -> Model:
    """Read a `.model` file. Tokens in a list with their scores are a unigram model, those in a mapping to ids too, or with
    `merges` one of BPE, where `unknown` stands for what they lack.

    Raises:
        InputError: the list holds something else, or the ids are not the numbers from 0 on.
        CorruptFile: it is cut short, is something else, or is of a kind (words, characters) that has no counterpart here.
    """
    if not is_path(vocab, Mapping, list, tuple):
        if not isinstance(merges, list | tuple | None):
            raise InputError(f"merges in memory are a list of pairs of tokens, not {type(merges).__name__} {merges!r:.60}")
        pieces = _pieces(vocab)
        unk_id = next((number for number, piece in enumerate(pieces) if piece.text == unknown), 0)
        pairs = None if merges is None else [bpe.pair(each) for each in merges]
        return Model(pieces, UNIGRAM if pairs is None else BPE, pairs is not None, unk_id, merges=pairs)
    what = str(vocab)
    model = Model()
    numbers = set()
    for number, value in protobuf.fields(Path(vocab).read_bytes(), what):
        numbers.add(number)
        if number == 1:
            model.pieces.append(_piece(protobuf.message(value, what), what))
        elif number == 2:
            _trainer(model, protobuf.message(value, what), what)
        elif number == 3:
            _normalizer(model, protobuf.message(value, what), what)
    if not model.pieces:
        raise CorruptFile(f"{what} holds no tokens; it is no sentencepiece model")
    if not {2, 3} <= numbers:
        raise CorruptFile(f"{what} ends after {len(model.pieces)} tokens, before it says how they were made: it was cut short")
    if model.model_type not in (UNIGRAM, BPE):
        raise CorruptFile(
            f"{what} is a sentencepiece model of kind {model.model_type}; only unigram (1) and BPE (2) can be read"
        )
    if not 0 <= model.unk_id < len(model.pieces):
        raise CorruptFile(f"{what} names the token {model.unk_id} as the unknown one, and has {len(model.pieces)} tokens")
    return model


def _pieces(vocab: Mapping[str, int] | Sequence[Any]) -> list[Piece]:
    if not vocab:
        raise InputError("the vocabulary has no tokens; at least the unknown one is needed")
    if isinstance(vocab, Mapping):
        if {*vocab.values()} != {*range(len(vocab))}:
            raise InputError(f"the vocabulary does not map tokens to the ids from 0 to {len(vocab) - 1}: {dict(vocab)!r:.80}")
        vocab = [(token, 0.0) for token in sorted(vocab, key=vocab.__getitem__)]
    for pair in vocab:
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and is_text(pair[0]) and fits(pair[1], float)):
            raise InputError(f"the vocabulary holds {pair!r:.80}; expected tokens with their scores, as ('▁a', -3.5)")
    return [Piece(token, float(score)) for token, score in vocab]


def _piece(data: bytes, what: str) -> Piece:
    piece = Piece()
    for number, value in protobuf.fields(data, what):
        if number == 1:
            piece.text = protobuf.text(value, what)
            if len(piece.text) > LONGEST:
                raise CorruptFile(f"{what} has a token of {len(piece.text)} characters; no trainer makes any over {LONGEST}")
        elif number == 2:
            piece.score = protobuf.number(value, what)
        elif number == 3:
            piece.kind = protobuf.integer(value, what)
    return piece


def _trainer(model: Model, data: bytes, what: str) -> None:
    for number, value in protobuf.fields(data, what):
        if number == 3:
            model.model_type = protobuf.integer(value, what)
        elif number == 35:
            model.byte_fallback = bool(protobuf.integer(value, what))
        elif number == 40:
            model.unk_id = protobuf.integer(value, what)


def _normalizer(model: Model, data: bytes, what: str) -> None:
    for number, value in protobuf.fields(data, what):
        if number == 2:
            model.charsmap = protobuf.message(value, what)
        elif number == 3:
            model.add_dummy_prefix = bool(protobuf.integer(value, what))
        elif number == 4:
            model.remove_extra_whitespaces = bool(protobuf.integer(value, what))


def build(model: Model, settings: Mapping[str, Any]) -> Tokenizer:
    """A tokenizer that does what sentencepiece does with this model; adds nothing at the ends.

    Args:
        settings: `add_prefix_space` (None: as the model says) and `legacy` (a space also after special tokens).
    """
    rust = Tokenizer(unigram(model) if model.model_type == UNIGRAM else merging(model))
    prefix = settings.get("add_prefix_space")
    prefixed = model.add_dummy_prefix if prefix is None else bool(prefix)
    steps: list[Any] = [charsmap(model)] if model.charsmap else []
    if model.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    if steps:
        rust.normalizer = normalizers.Sequence(steps)
    # "first" looks at the place in the original text, so it would miss a text whose leading spaces were removed.
    everywhere = settings.get("legacy") or model.remove_extra_whitespaces
    scheme = "never" if not prefixed else "always" if everywhere else "first"
    rust.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=scheme, split=False)
    rust.decoder = decoder(prefixed)
    rust.post_processor = ends_template(None, None)
    add_marked(rust, model)
    return rust


def of_words(model: Model, prefixed: bool = True) -> Tokenizer:
    """A unigram tokenizer that splits a text at whitespace first; adds nothing at the ends, and marks no token as special.

    Args:
        prefixed: every word begins with ▁, not only those behind a space.
    """
    rust = Tokenizer(models.Unigram([(piece.text, piece.score) for piece in model.pieces], unk_id=model.unk_id))
    if model.charsmap:
        rust.normalizer = charsmap(model)
    space: dict[str, Any] = {"replacement": SPACE, "prepend_scheme": "always" if prefixed else "never"}
    rust.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(**space)])
    rust.decoder = decoders.Metaspace(**space)
    return rust


def of_spaced_words(model: Model) -> Tokenizer:
    """A tokenizer of words that begin with ▁, where whitespace behind the last one is a token of its own.

    It adds nothing at the ends, and marks no token as special.
    """
    rust = Tokenizer(unigram(model) if model.model_type == UNIGRAM else merging(model))
    steps: list[Any] = [charsmap(model)] if model.charsmap else []
    rust.normalizer = normalizers.Sequence([*steps, normalizers.Replace(Regex(" {2,}"), " ")])
    rust.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    rust.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    return rust


def ends(rust: Tokenizer, vocab: Any, tokens: Sequence[str]) -> list[tuple[str, int]]:
    """The tokens that are put around texts, each with its id; a vocabulary in memory gets those that it lacks.

    Raises:
        CorruptFile: the file `vocab` lacks one.
    """
    absent = [token for token in dict.fromkeys(tokens) if rust.token_to_id(token) is None]
    if absent and isinstance(vocab, str | os.PathLike):
        raise CorruptFile(f"{vocab} lacks the token {absent[0]!r}, which is put around texts")
    rust.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in absent])
    ids = rust.get_vocab()
    return [(token, ids[token]) for token in tokens]


def charsmap(model: Model) -> normalizers.Precompiled:
    """The normalizer that the model was trained with.

    Raises:
        CorruptFile: its table is broken.
    """
    try:
        return normalizers.Precompiled(model.charsmap)
    except Exception as error:
        raise CorruptFile(f"the sentencepiece model holds a broken table of characters: {error}") from error


def decoder(prefixed: bool) -> Any:
    """▁ back to spaces, byte tokens to text, and the space that was put before the text away."""
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefixed else steps)


def add_marked(rust: Tokenizer, model: Model) -> None:
    """Make control tokens special, and tokens that the trainer was told to keep whole into added ones."""
    special = [piece.text for piece in model.pieces if piece.kind in (CONTROL, UNKNOWN)]
    whole = [piece.text for piece in model.pieces if piece.kind == USER_DEFINED]
    rust.add_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    rust.add_tokens([AddedToken(token, normalized=False) for token in whole])


def unigram(model: Model) -> models.Unigram:
    """The model that chooses the most probable split."""
    vocab = [(piece.text, piece.score) for piece in model.pieces]
    return models.Unigram(vocab, unk_id=model.unk_id, byte_fallback=model.byte_fallback)


def merging(model: Model) -> models.BPE:
    """The model that merges the pair whose result has the best score."""
    vocab = {piece.text: number for number, piece in enumerate(model.pieces)}
    unknown = model.pieces[model.unk_id].text
    pairs = merges(model, vocab) if model.merges is None else model.merges
    return bpe.model(vocab, pairs, unk_token=unknown, fuse_unk=True, byte_fallback=model.byte_fallback)


def merges(model: Model, vocab: Mapping[str, int]) -> bpe.Merges:
    """Every way to make a token from two others, the best tokens first."""
    mergeable = {piece.text for piece in model.pieces if piece.kind in (NORMAL, USER_DEFINED, UNUSED)}
    scored = []
    for piece in model.pieces:
        if piece.text not in mergeable:
            continue
        splits = [
            (piece.text[:cut], piece.text[cut:])
            for cut in range(1, len(piece.text))
            if piece.text[:cut] in mergeable and piece.text[cut:] in mergeable
        ]
        splits.sort(key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))
        scored += [(-piece.score, pair) for pair in splits]
    scored.sort(key=lambda item: item[0])
    return [pair for _, pair in scored]
