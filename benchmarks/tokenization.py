"""Tokenizers: opening one with a large vocabulary and many added tokens, and encoding, many texts and one."""

import json
import random
import tempfile
import timeit
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from string import ascii_lowercase as LETTERS
from typing import Any

from measuring import Options, Row, columns, compare, in_turn, new_process, seconds

LIBRARIES = ("bestiary", "transformers")


def make(folder: str, words: int, added: int) -> None:
    """Write a byte-level BPE tokenizer of so many pieces and added tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    for name, (pieces, extra) in {"large": (words, added), "tiny": (300, 1)}.items():
        vocabulary = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
        merges, shorter = [], list(LETTERS)
        while len(vocabulary) < pieces:
            pairs = list(product(shorter, LETTERS))[: pieces - len(vocabulary)]
            merges += pairs
            vocabulary |= {a + b: len(vocabulary) + index for index, (a, b) in enumerate(pairs)}
            shorter = [a + b for a, b in pairs]
        rust = Tokenizer(models.BPE(vocabulary, merges))
        rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        rust.decoder = decoders.ByteLevel()
        rust.add_special_tokens(["<pad>"])
        rust.add_tokens([AddedToken(f"<extra_{index}>", normalized=False) for index in range(extra)])
        target = Path(folder, name)
        target.mkdir()
        rust.save(str(target / "tokenizer.json"))
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "model_max_length": 4096}
        (target / "tokenizer_config.json").write_text(json.dumps(settings))


def texts(count: int) -> list[str]:
    """Made-up words, with an added token here and there."""
    draw = random.Random(0)
    words = ["".join(draw.choices(LETTERS, k=draw.randint(2, 9))) for _ in range(2000)] + ["<extra_7>"] * 20
    return [" ".join(draw.choices(words, k=draw.randint(5, 80))) for _ in range(count)]


def run(library: str, folder: str, count: int) -> dict[str, float]:
    """Seconds to open the tokenizer, to encode a batch, and of one short call; and a sum of all ids."""
    auto = import_module(library).AutoTokenizer
    auto.from_pretrained(Path(folder, "tiny"))(["a", "bc"], padding=True, return_tensors="pt")
    opened = []
    found = {"open": seconds(lambda: opened.append(auto.from_pretrained(Path(folder, "large"))))}
    tokenizer, batch = opened[0], texts(count)
    options = {"padding": True, "return_tensors": "pt"}
    tokenizer(batch, **options)
    found["batch"] = seconds(lambda: tokenizer(batch, **options), 3)
    short = [text[:40] for text in batch]
    found["short"] = seconds(lambda: [tokenizer(text) for text in short], 3) / count
    found["sum"] = int(tokenizer(batch, **options)["input_ids"].sum())
    return found


# The kinds of tokenizers that most models have, as files say them: the class and the roles of tokens.
KINDS: dict[str, dict[str, str]] = {
    "BertTokenizer": {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"},
    "GPT2Tokenizer": {"pad_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
    "LlamaTokenizer": {"pad_token": "</s>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
}
ONE = "The quick brown fox reads a short text."
EIGHT = [ONE + " again" * count for count in range(8)]


def make_kinds(folder: str, size: int) -> None:
    """Write a tokenizer of each of `KINDS`, trained on made-up texts."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    for name, roles in KINDS.items():
        special: list[str] = list(dict.fromkeys(roles.values()))
        if name == "BertTokenizer":
            rust = Tokenizer(models.WordPiece(unk_token="[UNK]"))
            rust.normalizer, rust.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
            trainer: Any = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special)
            ends = {"single": "[CLS] $A [SEP]", "pair": "[CLS] $A [SEP] $B:1 [SEP]:1"}
            rust.decoder = decoders.WordPiece()
        elif name == "GPT2Tokenizer":
            rust = Tokenizer(models.BPE())
            rust.pre_tokenizer, rust.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
            trainer = trainers.BpeTrainer(
                vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
            )
            rust.post_processor, ends = processors.ByteLevel(trim_offsets=False), {}
        else:
            rust = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
            rust.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
            parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
            rust.decoder = decoders.Sequence(parts)
            trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[*special, *(f"<0x{i:02X}>" for i in range(256))])
            ends = {"single": "<s> $A", "pair": "<s> $A <s>:1 $B:1"}
        rust.train_from_iterator([word for text in [*texts(300), ONE] for word in text.split()], trainer)
        if ends:
            added = [(token, rust.token_to_id(token)) for token in special if f"{token} " in ends["pair"] or token == "[SEP]"]
            rust.post_processor = processors.TemplateProcessing(**ends, special_tokens=added)
        target = Path(folder, name)
        target.mkdir()
        rust.save(str(target / "tokenizer.json"))
        settings = {"tokenizer_class": name, "model_max_length": 512, **roles}
        (target / "tokenizer_config.json").write_text(json.dumps(settings))


def short_calls(library: str, folder: str, times: int) -> dict[str, float]:
    """Seconds of calls with short texts, by kind and call: the shortest of series; and a sum of all ids."""
    auto = import_module(library).AutoTokenizer
    found: dict[str, float] = {"sum": 0}
    for name in KINDS:
        tokenizer = auto.from_pretrained(Path(folder, name))
        ids = tokenizer(ONE)["input_ids"]
        found["sum"] += sum(ids) + len(tokenizer.decode(ids)) + int(tokenizer(EIGHT, padding=True)["input_ids"][0][-1])
        calls: dict[str, Callable[[], Any]] = {
            "a short text": partial(tokenizer, ONE),
            "the same as tensors": partial(tokenizer, ONE, return_tensors="pt"),
            "the same, truncation=True": partial(tokenizer, ONE, truncation=True),
            "encode": partial(tokenizer.encode, ONE),
            "decode": partial(tokenizer.decode, ids),
            "8 texts as tensors": partial(tokenizer, EIGHT, padding=True, truncation=True, return_tensors="pt"),
        }
        for what, call in calls.items():
            found[f"{name}: {what}"] = min(timeit.repeat(call, number=times, repeat=9)) / times
    return found


def measure(options: Options = Options()) -> list[Row]:
    words, added, count = (1000, 200, 50) if options.quick else (100_000, 20_000, 1000)
    with tempfile.TemporaryDirectory(prefix="bestiary-benchmark-") as folder:
        new_process(make, folder=folder, words=words, added=added)
        new_process(make_kinds, folder=folder, size=400 if options.quick else 4000)
        shared = {"folder": folder, "count": count}
        turns = in_turn(options.turns, *((run, {"library": name, **shared}) for name in LIBRARIES))
        shared = {"folder": folder, "times": 3 if options.quick else 300}
        short = in_turn(options.turns, *((short_calls, {"library": name, **shared}) for name in LIBRARIES))
    for series in (turns, short):
        if len({result["sum"] for side in series for result in side}) != 1:
            raise RuntimeError("the two libraries gave different ids")
    name = f"open a tokenizer of {words:,} pieces and {added:,} added tokens"
    ours = columns(turns[0], "open")
    rows = [
        compare(name, ours, 1.0, "s", beside="limit", at_most=1.0),
        compare(name, ours, columns(turns[1], "open"), "s", at_most=1.0),
    ]
    labels = {"batch": f"encode {count} texts of 5 to 80 words into a padded batch", "short": "encode one short text"}
    for key, what in labels.items():
        bound = 0.8 if key == "short" else 1.0
        rows.append(compare(what, columns(turns[0], key), columns(turns[1], key), "s", at_most=bound))
    for key in short[0][0]:
        if key != "sum":
            bound = 0.8 if key.endswith("a short text") else 1.0
            rows.append(compare(key, columns(short[0], key), columns(short[1], key), "s", at_most=bound))
    return rows
