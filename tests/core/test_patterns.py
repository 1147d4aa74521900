"""Regular expressions of strangers: what they match is what `re` says, and none runs for ever."""

import random
import re
import time

import pytest

from bestiary.core import patterns
from bestiary.core.errors import ConfigError
from bestiary.core.patterns import matches

TEXTS = ["", "a", "aab", "model.layers.12.mlp.down_proj", "lm_head", "aAbB_9 x", "ababab", "model.layers.3.self_attn.q_proj"]
PATTERNS = [
    r".*down_proj", r"model\.layers\.(1[0-9]|[3-5])\..*proj$", r"^(?!.*mlp).*_proj", r"(?:a|b)*", r"(a|ab)*b?", r"((a*)*)*b",
    r"(?i)A+B", r"[^a]+", r"\w+\.\d*", r"(?<=a)b|a", r"a{2,3}b", r"(ab){2}", r"(ab|a){1,9}?b", r"\bmodel\b.*",
    r"(?:.*\.)?\d+\.mlp",
    r"(a?){9}", r"[a-c_]*[A-Z]", r"", r"$", r"(?P<x>a)(?:b|$)", r"(?:(?=a)|ab)*", r"(?i)[^b]*B", r"(?!x)a.*(?<!c)",
]  # fmt: skip


@pytest.mark.parametrize("walks", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_same_as_re(pattern: str, walks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if walks:
        monkeypatch.setattr(patterns, "_FEW", 0)
    patterns._compiled.cache_clear()
    for text in TEXTS:
        assert matches(pattern, text) == bool(re.match(pattern, text)), text
        assert matches(pattern, text, whole=True) == bool(re.fullmatch(pattern, text)), text
    patterns._compiled.cache_clear()


def test_random_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_FEW", 0)
    draw = random.Random(0)
    pieces = [
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        "(a|b)",
        "(ab|a)",
        "(a*b)",
        "(?:b?a)",
        "a?",
        "b*",
        "(a|b)+",
        "(?=a)",
        "(?!b)",
        "a{1,2}",
    ]
    for _ in range(500):
        pattern = "".join(draw.choices(pieces, k=draw.randint(1, 5)))
        text = "".join(draw.choices("ab", k=draw.randint(0, 7)))
        assert matches(pattern, text, whole=True) == bool(re.fullmatch(pattern, text)), (pattern, text)


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+$", r"(a|a)*b", r"((a|aa)+)+b", "(a|a)" * 40 + "b", "a?" * 60 + "b", ".*" * 40 + "b", r"((a{1,60}){1,60}){1,60}b",
     r"(a?){4000000000}b", "(" * 20 + "a*" + ")*" * 20 + "b"],
)  # fmt: skip
def test_none_runs_for_ever(pattern: str) -> None:
    start = time.process_time()
    found = result(pattern, "a" * 60)
    assert found is (pattern == r"(a+)+$") or "takes too long" in str(found)
    assert time.process_time() - start < 5


def result(pattern: str, text: str) -> bool | str:
    try:
        return matches(pattern, text, whole=True)
    except ConfigError as error:
        return str(error)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "cannot be read"),
        ("a" * 1001, "at most 1000"),
        (r"(a)*\1(b|b)*", "groupref"),
        ("(" * 400 + ")" * 400, "cannot be read|False"),
    ],
)
def test_what_is_refused(pattern: str, words: str) -> None:
    assert re.search(words, str(result(pattern, "a")))
