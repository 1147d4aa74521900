"""`Trie` and `ExtensionsTrie`, against the published ones."""

import random

import pytest

from bestiary.compat.tries import ExtensionsTrie, Trie

published = pytest.importorskip("transformers.tokenization_python")


def test_texts_are_cut_at_the_published_places() -> None:
    draw = random.Random(0)
    for _ in range(500):
        words = ["".join(draw.choice("ab[c") for _ in range(draw.randint(1, 4))) for _ in range(draw.randint(0, 5))]
        text = "".join(draw.choice("ab[c ") for _ in range(draw.randint(0, 14)))
        ours, theirs = Trie(words), published.Trie(words)
        assert ours.split(text) == theirs.split(text), (words, text)
        assert ours.data == theirs.data
        ours.add("a" + text)
        theirs.add("a" + text)
        assert ours.split(text) == theirs.split(text)


def test_words_that_begin_alike() -> None:
    words = ["stop", "stopping", "stone", "go"]
    for prefix in ("st", "stop", "g", ""):
        extensions = ExtensionsTrie(words).extensions(prefix)
        assert sorted(extensions) == sorted(published.ExtensionsTrie(words).extensions(prefix))
    assert ExtensionsTrie(words).extensions("x") == []
