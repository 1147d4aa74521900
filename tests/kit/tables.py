"""Tables, questions about them, and a fixed vocabulary of byte pairs, for the current release and for an older one alike."""

import json
from pathlib import Path
from typing import Any

from tokenizers import pre_tokenizers

TABLE = {
    "Year": ["1896", "1900", "1904", "2004", "2008"],
    "Host City": ["Athens", "Paris", "St. Louis", "Athens, a very long name of a city that was host to the games", "Beijing"],
    "Nations": ["14", " ", "12", "201", "204"],
}
CALLS: list[tuple[Any, Any, dict[str, Any]]] = [
    (TABLE, "In which year did Beijing host the games?", {}),
    (TABLE, "", {}),
    (TABLE, ["Which city?", "How many nations in 2004?"], {"padding": True}),
    ([TABLE, {"A": ["x"]}], ["Which city?", "What is A"], {"padding": "max_length", "max_length": 300}),
    (TABLE, "Which city?", {"max_length": 40, "truncation": True}),
    ({"A": []}, "Which city?", {}),
]
ANSWERS: list[Any] = ["Beijing", "BEIJING, 2008", ["Athens", "2004, Athens"]]
LONG = {"Name": [f"City number {index}" for index in range(30)], "Size": [str(1000 + index) for index in range(30)]}


def write_byte_pairs(folder: Path) -> tuple[Path, Path]:
    """`vocab.json` and `merges.txt` in `folder`: all bytes and some words of the texts above."""
    merges: list[str] = []
    for word in ("Ġrow", "Ġcol", "Ġyear", "Ġathens", "Ġcity", "Ġof", "Ġ19", "Ġ20", "Ġ|"):
        merges += [f"{word[:cut]} {word[cut]}" for cut in range(1, len(word))]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokens += [merge.replace(" ", "") for merge in dict.fromkeys(merges)] + ["<mask>"]
    vocab, file = folder / "vocab.json", folder / "merges.txt"
    vocab.write_text(json.dumps({token: index for index, token in enumerate(dict.fromkeys(tokens))}), encoding="utf-8")
    file.write_text("\n".join(["#version: 0.2", *dict.fromkeys(merges), ""]), encoding="utf-8")
    return vocab, file
