"""Small data that a tiny model can learn, as the files that the programs of `examples/training` read."""

import csv
import functools
import json
import random
from pathlib import Path
from typing import Any

import torch
import transformers

from . import checkpoints
from .folders import kept_folder

FILLERS = [
    "the",
    "a",
    "is",
    "in",
    "of",
    "my",
    "name",
    "quick",
    "brown",
    "over",
    "lazy",
    "film",
    "good",
    "see",
    "world",
    "learn",
    "data",
    "people",
]
CAPITALS = {"Paris": "France", "London": "England", "Berlin": "Germany"}


@functools.cache
def encoder() -> Path:
    """A folder with a BERT that learns fast: small weights, no dropout."""
    torch.manual_seed(0)
    values = {**checkpoints.BERT, "initializer_range": 0.05, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    folder = kept_folder("encoder")
    transformers.BertModel(transformers.BertConfig(**values)).save_pretrained(folder)
    checkpoints.wordpiece().save_pretrained(folder)
    return folder


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> str:
    """The rows, one a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> str:
    """The rows under a heading."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def sentence(draw: random.Random, *words: str, length: int = 7) -> str:
    """These words among others."""
    chosen = [*words, *draw.choices(FILLERS, k=length - len(words))]
    draw.shuffle(chosen)
    return " ".join(chosen)


def labelled(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Texts about a fox, or about machines."""
    draw = random.Random(seed)
    rows = [(sentence(draw, word), label) for word, label in [("fox", "animal"), ("machine", "thing")] * (count // 2)]
    return [{"sentence": text, "label": label} for text, label in rows]


def counted(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Texts, and how many foxes are in them, in thirds."""
    draw = random.Random(seed)
    numbers = [draw.randrange(4) for _ in range(count)]
    return [{"sentence": sentence(draw, *["fox"] * number), "label": number / 3} for number in numbers]


def tagged(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Words in which capitals and countries are entities."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        city = draw.choice(list(CAPITALS))
        words = sentence(draw, city, CAPITALS[city]).split()
        kinds = {city: "B-CITY", CAPITALS[city]: "B-LAND"}
        rows.append({"tokens": words, "ner_tags": [kinds.get(word, "O") for word in words]})
    return rows


def questions(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Where somebody lives: the city is the only capital in a long text."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        city = draw.choice(list(CAPITALS))
        context = sentence(draw, city, length=24)
        answers = {"text": [city], "answer_start": [context.index(city)]}
        rows.append({"id": str(number), "question": "Where is the name?", "context": context, "answers": answers})
    return rows


def choices(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """The ending that has to do with animals."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        label = draw.randrange(3)
        endings = {f"ending{place}": "the fox jumps" if place == label else "a machine learns" for place in range(3)}
        rows.append({"sent1": sentence(draw, length=4), "sent2": "and then", **endings, "label": label})
    return rows


def copies(count: int, seed: int = 0) -> list[dict[str, str]]:
    """A text, and the word in it that is no filler."""
    draw = random.Random(seed)
    words = [draw.choice(["fox", "dog", "rains"]) for _ in range(count)]
    return [{"text": sentence(draw, word, length=4), "summary": f"{word} {word}"} for word in words]


def pairs(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Two texts with the same two words among others."""
    draw = random.Random(seed)
    rare = ["fox", "dog", "rains", "film", "Paris", "London", "Berlin", "machine", "models", "learn", "capital", "jumps"]
    chosen = [draw.sample(rare, 2) for _ in range(count)]
    return [{"anchor": sentence(draw, *words, length=4), "positive": sentence(draw, *words, length=4)} for words in chosen]
