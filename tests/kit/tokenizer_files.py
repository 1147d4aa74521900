"""Small vocabularies trained on the spot, each in the files in which checkpoints publish them."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import sentencepiece
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

TEXT = [
    "Hello world, how are you today? I'm fine, thanks; you aren't late.",
    "The quick brown fox jumps over the lazy dog, and the dog sleeps on.",
    "def fibonacci(n): return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)",
    "été naïve café Zürich Straße Ωmega привет мир 日本語のテキスト 한국어",
    "numbers 1 23 456 7890 3.14 100% $5 #tag @user http://example.org/path?q=1",
    "    indented lines\tand tabs   with   spaces",
] * 8
SAMPLES = [
    "Hello  Wörld ﬁ\n x</s> <extra_id_3> hm",
    "Hello, world! don't stop. 's <|endoftext|> x",
    "",
    "  lead and trail  ",
    "日本語 🤖 é e\u0301",
    "<s> a </s><unk> b [CLS] c [MASK]d",
    "a <mask> b [MASK] <mask>c",
    "tab\tx\u00a0y  \r\n",
]


def _config(folder: Path, **values: object) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(values))


def wordpiece(texts: list[str] = TEXT, size: int = 400) -> Tokenizer:
    """A BERT tokenizer of at most `size` tokens, the same in every run."""
    rust = Tokenizer(models.WordPiece())
    rust.normalizer = normalizers.BertNormalizer(lowercase=True)
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rust.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    # The trainer of the package numbers characters as it meets them, in another order each time; here they are given.
    letters = sorted({letter for line in texts for letter in rust.normalizer.normalize_str(line) if not letter.isspace()})
    known = [*special, *letters, *(f"##{letter}" for letter in letters if letter.isalnum())]
    merging = Tokenizer(models.BPE(continuing_subword_prefix="##"))
    merging.normalizer, merging.pre_tokenizer = rust.normalizer, rust.pre_tokenizer
    options = {"continuing_subword_prefix": "##", "special_tokens": known, "show_progress": False}
    merging.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, **options))
    rust.model = models.WordPiece(merging.get_vocab(), unk_token="[UNK]")
    rust.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return rust


def byte_level(special: tuple[str, ...] = ("<|endoftext|>",), trim: bool = True) -> Tokenizer:
    """A byte-level BPE of 500 tokens."""
    rust = Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    rust.post_processor = processors.ByteLevel(trim_offsets=trim)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False)
    rust.train_from_iterator(TEXT, trainer)
    return rust


def _bert(folder: Path) -> None:
    vocab = wordpiece().get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocab, key=vocab.__getitem__)) + "\n", encoding="utf-8")


def _mpnet(folder: Path) -> None:
    vocab = wordpiece().get_vocab()
    words = ["<s>", "<pad>", "</s>", "<unk>", *sorted(vocab, key=vocab.__getitem__), "<mask>"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")


def _generic(folder: Path) -> None:
    wordpiece().save(str(folder / "tokenizer.json"))
    roles = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
    _config(folder, tokenizer_class="PreTrainedTokenizerFast", model_max_length=64, **roles)


def _gpt2(folder: Path) -> None:
    byte_level().model.save(str(folder))


def _gpt_neox(folder: Path) -> None:
    byte_level(("<|endoftext|>", "<|padding|>")).model.save(str(folder))


def _bloom(folder: Path) -> None:
    byte_level(("<unk>", "<s>", "</s>", "<pad>")).save(str(folder / "tokenizer.json"))
    roles = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    _config(folder, tokenizer_class="BloomTokenizerFast", padding_side="left", **roles)


def _qwen2(folder: Path) -> None:
    rust = byte_level(())
    rust.model.save(str(folder))
    first = rust.get_vocab_size()
    options = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    added = {str(first + number): {"content": token, **options} for number, token in enumerate(special)}
    roles = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None}
    _config(folder, tokenizer_class="Qwen2Tokenizer", added_tokens_decoder=added, **roles)


def _cohere(folder: Path) -> None:
    special = ("<PAD>", "<UNK>", "<CLS>", "<SEP>", "<MASK_TOKEN>", "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>")
    byte_level(special).model.save(str(folder))
    _config(folder, tokenizer_class="CohereTokenizer", add_bos_token=True)


def _roberta(folder: Path) -> None:
    byte_level(("<s>", "<pad>", "</s>", "<unk>", "<mask>")).model.save(str(folder))


def _deberta(folder: Path) -> None:
    byte_level(("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")).model.save(str(folder))


def _llama3(folder: Path) -> None:
    rust = byte_level(("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"))
    begin = processors.TemplateProcessing(
        single="<|begin_of_text|> $A",
        pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        special_tokens=[("<|begin_of_text|>", 0)],
    )
    rust.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), begin])
    rust.save(str(folder / "tokenizer.json"))
    _config(
        folder,
        tokenizer_class="PreTrainedTokenizerFast",
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        clean_up_tokenization_spaces=True,
        model_max_length=131072,
    )


def _clip(folder: Path) -> None:
    rust = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    rust.normalizer = normalizers.Lowercase()
    pattern = Regex(r"'s|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    split = pre_tokenizers.Split(pattern, "removed", invert=True)
    rust.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = [*letters, *(f"{letter}</w>" for letter in letters)]
    trainer = trainers.BpeTrainer(vocab_size=900, end_of_word_suffix="</w>", special_tokens=special, show_progress=False)
    rust.train_from_iterator(TEXT, trainer)
    rust.model.save(str(folder))
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    for token in ("<|startoftext|>", "<|endoftext|>"):
        vocab[token] = len(vocab)
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")


def _sentencepiece(folder: Path, name: str, **options: object) -> None:
    corpus = folder.parent / f"{folder.name}.txt"
    corpus.write_text("\n".join(TEXT), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / name), hard_vocab_limit=False, minloglevel=2, **options
    )
    (folder / f"{name}.vocab").unlink()


def _t5(folder: Path) -> None:
    _sentencepiece(folder, "spiece", vocab_size=300, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


def _albert(folder: Path) -> None:
    symbols = {"control_symbols": "[CLS],[SEP]", "user_defined_symbols": "[MASK],(,)"}
    _sentencepiece(folder, "spiece", vocab_size=300, model_type="unigram", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, **symbols)


def _big_bird(folder: Path) -> None:
    symbols = {"control_symbols": "[CLS],[SEP]", "user_defined_symbols": "[MASK]"}
    _sentencepiece(folder, "spiece", vocab_size=300, model_type="unigram", pad_id=0, eos_id=1, bos_id=2, unk_id=3, **symbols)


def _xlnet(folder: Path) -> None:
    symbols = "<cls>,<sep>,<pad>,<mask>,<eod>,<eop>"
    _sentencepiece(folder, "spiece", vocab_size=300, model_type="unigram", control_symbols=symbols)


def _reformer(folder: Path) -> None:
    _sentencepiece(folder, "spiece", vocab_size=300, model_type="bpe", bos_id=-1)


def _deberta_v2(folder: Path) -> None:
    symbols = {"control_symbols": "[CLS],[SEP]", "pad_piece": "[PAD]", "unk_piece": "[UNK]"}
    _sentencepiece(folder, "spm", vocab_size=300, model_type="unigram", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, **symbols)


def _pegasus(folder: Path) -> None:
    _sentencepiece(folder, "spiece", vocab_size=300, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


def _fairseq(folder: Path) -> None:
    _sentencepiece(folder, "sentencepiece.bpe", vocab_size=300, model_type="unigram")


def _nllb(folder: Path) -> None:
    _sentencepiece(folder, "sentencepiece.bpe", vocab_size=300, model_type="bpe")


def _m2m_100(folder: Path) -> None:
    """Pieces of a unigram model; the table lacks some of them."""
    _sentencepiece(folder, "sentencepiece.bpe", vocab_size=300, model_type="unigram")
    _table(folder / "sentencepiece.bpe.model", folder / "vocab.json", ["<s>", "<pad>", "</s>", "<unk>"])


def _marian(folder: Path) -> None:
    """One model that cuts into words' pieces and one that merges, and the pieces of both in one table, and in two."""
    for name, kind in (("source", "unigram"), ("target", "bpe")):
        _sentencepiece(folder, name, vocab_size=300, model_type=kind)
        (folder / f"{name}.model").rename(folder / f"{name}.spm")
    _table(folder / "source.spm", folder / "vocab.json", ["</s>", "<unk>", ">>fra<<", "🤖"], folder / "target.spm", ["<pad>"])
    _table(folder / "target.spm", folder / "target_vocab.json", ["</s>", "<unk>"], last=["<pad>"])
    _config(folder, tokenizer_class="MarianTokenizer", source_lang="eng", target_lang="fra")


def _table(spm: Path, path: Path, first: list[str], second: Path | None = None, last: list[str] | None = None) -> None:
    """A table of most pieces of one or two models, between other tokens."""
    models = [sentencepiece.SentencePieceProcessor(model_file=str(each)) for each in (spm, second) if each is not None]
    pieces = [each.id_to_piece(index) for each in models for index in range(3, each.get_piece_size()) if index % 17]
    tokens = dict.fromkeys([*first, *pieces, *(last or [])])
    path.write_text(json.dumps({token: index for index, token in enumerate(tokens)}), encoding="utf-8")


def _llama(folder: Path) -> None:
    _sentencepiece(
        folder,
        "tokenizer",
        vocab_size=500,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        pad_id=-1,
    )


def _gemma(folder: Path) -> None:
    _sentencepiece(
        folder,
        "tokenizer",
        vocab_size=500,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        eos_piece="<eos>",
        bos_piece="<bos>",
        user_defined_symbols=["<mask>", "<start_of_turn>", "<end_of_turn>", "\u2581\u2581", "\t"],
    )


def tiktoken_ranks() -> list[bytes]:
    """256 bytes, then some merges."""
    words = "th the in ing er on an re ll lo llo ello el He Hello or ld wor"
    merged = [b" t", b" the", b" w", b" wor", b" world", *(word.encode() for word in words.split())]
    return [*(bytes([value]) for value in range(256)), *merged]


def _tiktoken(folder: Path) -> None:
    lines = [base64.b64encode(token) + b" " + str(rank).encode() for rank, token in enumerate(tiktoken_ranks())]
    (folder / "tokenizer.model").write_bytes(b"\n".join(lines) + b"\n")
    _config(folder, tokenizer_class="PreTrainedTokenizerFast")


WHISPER_SPECIAL = (
    ["<|endoftext|>", "<|startoftranscript|>"]
    + [f"<|{code}|>" for code in ("en", "zh", "de", "es", "ru", "ko", "fr")]
    + ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
)
TIMES = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]


def _whisper(folder: Path) -> None:
    rust = byte_level((), trim=False)
    rust.model.save(str(folder))
    start = rust.get_vocab_size()
    added = {token: start + number for number, token in enumerate([*WHISPER_SPECIAL, *TIMES])}
    (folder / "added_tokens.json").write_text(json.dumps(added))
    (folder / "normalizer.json").write_text(json.dumps({"colour": "color", "grey": "gray"}))
    ends = {f"{role}_token": "<|endoftext|>" for role in ("bos", "eos", "unk")}
    extra = {"additional_special_tokens": WHISPER_SPECIAL}
    _config(folder, tokenizer_class="WhisperTokenizer", model_max_length=448, **ends, **extra)


def _whisper_json(folder: Path) -> None:
    _whisper(folder)
    (folder / "added_tokens.json").unlink()
    rust = byte_level((), trim=False)
    rust.add_special_tokens(WHISPER_SPECIAL)
    rust.add_tokens([AddedToken(token, normalized=False) for token in TIMES])
    rust.save(str(folder / "tokenizer.json"))


KINDS: dict[str, Callable[[Path], None]] = {
    "bert": _bert,
    "generic": _generic,
    "gpt2": _gpt2,
    "gpt_neox": _gpt_neox,
    "codegen": _gpt2,
    "bloom": _bloom,
    "cohere": _cohere,
    "gemma": _gemma,
    "qwen2": _qwen2,
    "roberta": _roberta,
    "llama": _llama,
    "llama3": _llama3,
    "t5": _t5,
    "albert": _albert,
    "big_bird": _big_bird,
    "xlnet": _xlnet,
    "reformer": _reformer,
    "pegasus": _pegasus,
    "mpnet": _mpnet,
    "deberta_v2": _deberta_v2,
    "deberta": _deberta,
    "xlm_roberta": _fairseq,
    "camembert": _fairseq,
    "nllb": _nllb,
    "m2m_100": _m2m_100,
    "marian": _marian,
    "clip": _clip,
    "tiktoken": _tiktoken,
    "whisper": _whisper,
    "whisper_json": _whisper_json,
}


def write(kind: str, root: Path) -> Path:
    """The folder of a vocabulary of this kind below `root`, made if it is not there."""
    folder = root / kind
    if not folder.exists():
        folder.mkdir()
        KINDS[kind](folder)
    return folder
