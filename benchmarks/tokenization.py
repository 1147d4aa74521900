"""Tokenizers: opening one with a large vocabulary and many added tokens, and encoding."""

import json
import random
import tempfile
from importlib import import_module
from itertools import product
from pathlib import Path
from string import ascii_lowercase as LETTERS

from measuring import Options, Row, columns, compare, in_turn, new_process, seconds


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


def measure(options: Options = Options()) -> list[Row]:
    words, added, count = (1000, 200, 50) if options.quick else (100_000, 20_000, 1000)
    with tempfile.TemporaryDirectory(prefix="bestiary-benchmark-") as folder:
        new_process(make, folder=folder, words=words, added=added)
        shared = {"folder": folder, "count": count}
        turns = in_turn(options.turns, (run, {"library": "bestiary", **shared}), (run, {"library": "transformers", **shared}))
    if len({result["sum"] for series in turns for result in series}) != 1:
        raise RuntimeError("the two libraries gave different ids")
    name = f"open a tokenizer of {words:,} pieces and {added:,} added tokens"
    ours = columns(turns[0], "open")
    rows = [
        compare(name, ours, 1.0, "s", beside="limit", at_most=1.0),
        compare(name, ours, columns(turns[1], "open"), "s", at_most=1.0),
    ]
    labels = {"batch": f"encode {count} texts of 5 to 80 words into a padded batch", "short": "encode one short text"}
    for key, what in labels.items():
        rows.append(compare(what, columns(turns[0], key), columns(turns[1], key), "s", at_most=1.0))
    return rows
