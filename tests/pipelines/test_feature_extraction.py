"""Feature extraction, against the reference run text by text."""

import numpy as np
import pytest
import torch
from kit import checkpoints
from kit.pipelines import ours, reference, same

from bestiary.core.errors import ArgumentError
from bestiary.core.logging import BestiaryWarning

TEXTS = checkpoints.TEXTS[:5]


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_states_of_a_batch_are_those_of_each_text(family: str) -> None:
    folder = getattr(checkpoints, family)({"bert": "BertModel", "gpt2": "GPT2Model", "llama": "LlamaModel"}[family])
    expected = [reference("feature-extraction", folder)(text) for text in TEXTS]
    same(ours("feature-extraction", folder)(TEXTS), expected)
    same(ours("feature-extraction", folder)(TEXTS, batch_size=3), expected)
    same(ours("feature-extraction", folder)(TEXTS[0]), expected[0])
    for found, want in zip(ours("feature-extraction", folder)(TEXTS, return_tensors=True), expected, strict=True):
        same(found, torch.tensor(want))


def test_several_texts_without_a_list() -> None:
    folder = checkpoints.bert("BertModel")
    same(ours("feature-extraction", folder)(*TEXTS[:2]), ours("feature-extraction", folder)(TEXTS[:2]))


@pytest.mark.parametrize("pool", ["mean", "cls", "last"])
def test_pooling_leaves_padding_out(pool: str) -> None:
    made = ours("feature-extraction", checkpoints.bert("BertModel"))
    states = [np.array(made(text)[0]) for text in TEXTS]
    pick = {"mean": lambda x: x.mean(0), "cls": lambda x: x[0], "last": lambda x: x[-1]}[pool]
    found = np.concatenate([np.array(row) for row in made(TEXTS, pool=pool)])
    np.testing.assert_allclose(found, [pick(state) for state in states], atol=1e-5)


def test_cutting_is_told() -> None:
    made = ours("feature-extraction", checkpoints.bert("BertModel"))
    with pytest.warns(BestiaryWarning, match="109 tokens of an input were cut off"):
        assert np.shape(made(checkpoints.TEXTS[5] * 3, truncation=True)) == (1, 64, 32)
    options = {"tokenize_kwargs": {"truncation": True, "max_length": 7}}
    same(made(TEXTS[0], **options), reference("feature-extraction", checkpoints.bert("BertModel"))(TEXTS[0], **options))


def test_wrong_keywords() -> None:
    made = ours("feature-extraction", checkpoints.bert("BertModel"))
    with pytest.raises(ArgumentError, match="pool is 'max'"):
        made(TEXTS, pool="max")
    with pytest.raises(ArgumentError, match="given twice"):
        made(TEXTS, truncation=True, tokenize_kwargs={"truncation": True})
    with pytest.raises(ArgumentError, match="Did you mean 'return_tensors'"):
        made(TEXTS, return_tensor=True)
