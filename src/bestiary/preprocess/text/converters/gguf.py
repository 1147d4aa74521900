"""The vocabulary in a GGUF file's metadata becomes a Rust tokenizer; what is spelt here are the names of llama.cpp.

Of the kinds of vocabularies that the files name, `gpt2` is byte-level BPE, `llama` sentencepiece's BPE, `t5` its unigram model
and `bert` WordPiece with ▁ before the first piece of a word.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers

from ....core.errors import CorruptFile, UnknownArchitecture
from ....core.gguf import GgufHeader
from ....core.logging import warn_once
from ..chat.template import read_templates
from ..rust import set_ends
from . import bpe, sentencepiece, wordpiece

PREFIX = "tokenizer.ggml."
ROLES = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "pad_token": "padding_token_id",
    "unk_token": "unknown_token_id",
    "sep_token": "seperator_token_id",  # the format spells it so
    "cls_token": "cls_token_id",
    "mask_token": "mask_token_id",
}
_WORDS = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"
_CASED = (rf"{_BEFORE}{_UPPER}*{_LOWER}+", rf"{_BEFORE}{_UPPER}+{_LOWER}*")
LLAMA3 = rf"{_CONTRACTION}|{_BEFORE}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*{_WORDS}"
QWEN2 = rf"{_CONTRACTION}|{_BEFORE}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*{_WORDS}"
QWEN35 = rf"{_CONTRACTION}|{_BEFORE}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*{_WORDS}"
GPT4O = "|".join(f"{words}{_CONTRACTION}?" for words in _CASED) + rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*{_WORDS}"
TEKKEN = "|".join(_CASED) + rf"|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*{_WORDS}"

# What stands in `tokenizer.ggml.pre` -> the expression that cuts a text into words.
_LIKE_LLAMA3 = ("llama-bpe", "llama3", "llama-v3", "smaug-bpe", "dbrx", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2")
SPLITS: dict[str, str] = {
    **dict.fromkeys((*_LIKE_LLAMA3, "jina-v5-nano"), LLAMA3),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2"), QWEN2),
    "qwen35": QWEN35,
    **dict.fromkeys(("gpt-4o", "llama4", "kanana2", "minimax-m2", "talkie"), GPT4O),
    "tekken": TEKKEN,
}
# Those that cut off every digit first, and then split as GPT-2.
DIGITS = frozenset({"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"})
GPT2 = frozenset({"", "default", "gpt-2", "gpt2", "phi-2", "jais", "olmo", "mpt", "falcon", "roberta-bpe", "jina-v2-code"})
_WHOLE_WORDS = frozenset(_LIKE_LLAMA3) - {"smaug-bpe", "dbrx"}  # a word that is a token is not merged of others


def build(header: GgufHeader) -> tuple[Tokenizer, dict[str, Any]]:
    """The tokenizer in a GGUF file, and the options that belong to it: roles of tokens, and the chat template.

    Raises:
        UnknownArchitecture: its vocabulary is of a kind that is not read.
        CorruptFile: it has none, or one whose parts do not fit together.
    """
    values = {key.removeprefix(PREFIX): value for key, value in header.metadata.items() if key.startswith(PREFIX)}
    kind = values.get("model")
    if kind is None or "tokens" not in values:
        raise CorruptFile(f"{header.path} has no tokenizer in its metadata ({PREFIX}model and {PREFIX}tokens)")
    if kind not in _BUILDERS:
        raise UnknownArchitecture(
            f"{header.path} has a tokenizer of the kind {kind!r:.40}, which is not read here; expected {', '.join(_BUILDERS)}"
        )
    tokens = values["tokens"]
    values["token_type"] = values.get("token_type") or [sentencepiece.NORMAL] * len(tokens)
    for key, item in (("tokens", str), ("token_type", int), ("scores", float), ("merges", str)):
        lists = values.get(key, [])
        if not isinstance(lists, list) or not all(isinstance(each, item) for each in lists):
            raise CorruptFile(f"{header.path}: {PREFIX}{key} is no list of {item.__name__}")
        if key in ("token_type", "scores") and lists and len(lists) != len(tokens):
            raise CorruptFile(f"{header.path}: {PREFIX}{key} has {len(lists)} values for {len(tokens)} tokens")
    if len(set(tokens)) != len(tokens):
        values["tokens"] = _told_apart(tokens, header.path)
    roles = {role: _token(values, key, header.path) for role, key in ROLES.items() if values.get(key) is not None}
    rust, adds_bos = _BUILDERS[kind](values, header.architecture)
    if kind != "bert":
        ends = [_end(rust, roles.get("bos_token"), values.get("add_bos_token", adds_bos))]
        ends.append(_end(rust, roles.get("eos_token"), values.get("add_eos_token", kind == "t5")))
        set_ends(rust, *ends)
    return rust, {"unk_token": None, **roles, "chat_template": _templates(header)}


def _told_apart(tokens: list[str], path: Path) -> list[str]:
    """Tokens that stand twice, as damaged text may, under names of their own, so that every id keeps its place."""
    warn_once("gguf-twice", f"{path} has tokens that stand twice in its vocabulary; the later ones can be decoded only")
    seen: set[str] = set()
    result = []
    for index, token in enumerate(tokens):
        name = token if token not in seen else f"{token}<{index}>"
        seen.add(name)
        result.append(name)
    return result


def _token(values: Mapping[str, Any], key: str, path: Path) -> str:
    index, tokens = values[key], values["tokens"]
    if not isinstance(index, int) or not 0 <= index < len(tokens):
        raise CorruptFile(f"{path}: {PREFIX}{key} is {index!r:.40}, and the vocabulary has {len(tokens)} tokens")
    return str(tokens[index])


def _end(rust: Tokenizer, token: str | None, wanted: Any) -> tuple[str, int] | None:
    index = rust.token_to_id(token) if token is not None else None
    return (str(token), index) if wanted and index is not None else None


def _templates(header: GgufHeader) -> str | dict[str, str] | None:
    """The chat template, or with the named ones a table of all."""
    key = "tokenizer.chat_template"
    default = header.metadata.get(key)
    named = {name.removeprefix(f"{key}."): text for name, text in header.metadata.items() if name.startswith(f"{key}.")}
    return read_templates({"default": default or "", **named} if named else default)


def _add_marked(rust: Tokenizer, values: Mapping[str, Any]) -> None:
    pairs = [pair for pair in zip(values["tokens"], values["token_type"], strict=True) if pair[0]]
    for special, kinds in ((True, (sentencepiece.CONTROL, sentencepiece.UNKNOWN)), (False, (sentencepiece.USER_DEFINED,))):
        tokens = [AddedToken(token, special=special, normalized=False) for token, kind in pairs if kind in kinds]
        rust.add_tokens(tokens)


def _byte_level(values: Mapping[str, Any], architecture: str) -> tuple[Tokenizer, bool]:
    pre = values.get("pre", "")
    vocab = {token: index for index, token in enumerate(values["tokens"])}
    _, merges = bpe.read(vocab, values.get("merges") or [])
    whole = pre in _WHOLE_WORDS
    rust = bpe.byte_level(vocab, merges, ignore_merges=whole)
    if pre in SPLITS:
        rust.pre_tokenizer = bpe.split_bytes(SPLITS[pre])
    elif pre in DIGITS:
        steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        rust.pre_tokenizer = pre_tokenizers.Sequence(steps)
    elif pre not in GPT2:
        text = f"the way {pre!r:.40} cuts texts into words ({PREFIX}pre) is not known here; GPT-2's is used"
        warn_once("gguf-pre", text, about=text)
    _add_marked(rust, values)
    return rust, whole


def _pieces(values: Mapping[str, Any]) -> list[sentencepiece.Piece]:
    """Pieces, of which those that are several spaces are written as the others are, with ▁."""
    scores = values.get("scores") or [0.0] * len(values["tokens"])
    known = set(values["tokens"])
    pieces = []
    for token, score, kind in zip(values["tokens"], scores, values["token_type"], strict=True):
        marked = sentencepiece.SPACE * len(token)
        spaces = len(token) > 1 and not token.strip(" ") and marked not in known
        pieces.append(sentencepiece.Piece(marked if spaces else token, score, kind))
    return pieces


def _model(values: Mapping[str, Any], model_type: int) -> sentencepiece.Model:
    unknown = values.get("unknown_token_id")
    return sentencepiece.Model(
        pieces=_pieces(values),
        model_type=model_type,
        byte_fallback=sentencepiece.BYTE in values["token_type"],
        unk_id=unknown if isinstance(unknown, int) and 0 <= unknown < len(values["tokens"]) else 0,
        charsmap=bytes(each & 255 for each in values.get("precompiled_charsmap") or []),
        add_dummy_prefix=bool(values.get("add_space_prefix", True)),
        remove_extra_whitespaces=False,
    )


def _sentencepiece(values: Mapping[str, Any], architecture: str) -> tuple[Tokenizer, bool]:
    model = _model(values, sentencepiece.BPE)
    if architecture.startswith("gemma"):  # its tokens are merged in the order of their ids, not of their scores
        for index, piece in enumerate(model.pieces):
            piece.score = -float(index)
    if values.get("merges"):
        model.merges = [bpe.pair(each) for each in values["merges"]]
    rust = sentencepiece.build(model, {})
    if architecture == "phi3" and model.add_dummy_prefix:  # it puts a space before every part between added tokens
        space = sentencepiece.SPACE
        rust.normalizer = normalizers.Sequence([normalizers.Prepend(space), normalizers.Replace(" ", space)])
        rust.pre_tokenizer = None
    return rust, True


def _unigram(values: Mapping[str, Any], architecture: str) -> tuple[Tokenizer, bool]:
    model = _model(values, sentencepiece.UNIGRAM)
    sentinels = [piece for piece in model.pieces if piece.text.startswith("[PAD") and piece.kind != sentencepiece.NORMAL]
    for number, piece in enumerate(reversed(sentinels[:100])):
        piece.text, piece.kind = f"<extra_id_{number}>", sentencepiece.CONTROL
    rust = sentencepiece.of_words(model, prefixed=model.add_dummy_prefix)
    sentencepiece.add_marked(rust, model)
    return rust, False


def _wordpiece(values: Mapping[str, Any], architecture: str) -> tuple[Tokenizer, bool]:
    def published(token: str, kind: int) -> str:
        if kind != sentencepiece.NORMAL:
            return token
        return token.removeprefix(sentencepiece.SPACE) if token.startswith(sentencepiece.SPACE) else f"##{token}"

    vocab = {published(*pair): index for index, pair in enumerate(zip(values["tokens"], values["token_type"], strict=True))}
    ends = [_token(values, key, Path("the file")) if key in values else usual for key, usual in _BERT_ENDS]
    rust = wordpiece.bert(vocab, unk_token=ends[0], cls_token=ends[1], sep_token=ends[2])
    _add_marked(rust, {**values, "tokens": list(vocab)})
    return rust, True


_BERT_ENDS = (("unknown_token_id", "[UNK]"), ("cls_token_id", "[CLS]"), ("seperator_token_id", "[SEP]"))
_BUILDERS: dict[str, Callable[[Mapping[str, Any], str], tuple[Tokenizer, bool]]] = {
    "gpt2": _byte_level,
    "llama": _sentencepiece,
    "t5": _unigram,
    "bert": _wordpiece,
}
