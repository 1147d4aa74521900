"""Trained weights: a Flan-T5 small from the package traceforge-title-model summarises and translates as in the reference."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kit.onnx_weights import dequantized
from kit.packages import package
from safetensors.torch import save_file

from bestiary import AutoTokenizer
from bestiary.models.t5 import T5ForConditionalGeneration

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 14), reason="traceforge-title-model is for Python before 3.14")

TEXTS = [
    "summarize: The council met on Tuesday to discuss the new bridge. After three hours it voted to build it next year.",
    "translate English to German: The house is small.",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published form: layers twice 8, a gated MLP, an output layer of its own."""
    source, target = package("traceforge_title_model") / "data" / "span", tmp_path_factory.mktemp("flan")
    state = {}
    for part in ("encoder", "decoder"):
        for name, array in dequantized((source / f"{part}.onnx").read_bytes()):
            stem, _, rest = name.partition(".")  # of the parts, "enc" is the encoder and "m" the whole
            state[f"encoder.{rest}" if stem == "enc" else rest] = torch.from_numpy(np.array(array, order="C"))
    state.setdefault("shared.weight", state["encoder.embed_tokens.weight"])
    torch.testing.assert_close(state.pop("encoder.embed_tokens.weight"), state["shared.weight"])
    config = transformers.T5Config(
        d_ff=1024,
        num_layers=8,
        num_heads=6,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
    )
    config.architectures = ["T5ForConditionalGeneration"]
    config.save_pretrained(target)
    save_file(state, target / "model.safetensors", {"format": "pt"})
    transformers.T5TokenizerFast(tokenizer_file=str(source / "tokenizer.json")).save_pretrained(target)
    return target


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, {"num_beams": 3}], ids=["greedy", "beams"])
def test_tokens_equal_the_references(folder: Path, options: dict[str, Any]) -> None:
    tokenizers = [kind.from_pretrained(folder) for kind in (transformers.AutoTokenizer, AutoTokenizer)]
    expected, found = (tokenizer(TEXTS, padding=True, return_tensors="pt") for tokenizer in tokenizers)
    assert found["input_ids"].tolist() == expected["input_ids"].tolist()
    models = [kind.from_pretrained(folder) for kind in (transformers.T5ForConditionalGeneration, T5ForConditionalGeneration)]
    start = torch.zeros(2, 1, dtype=torch.long)
    scores = [model(**expected, decoder_input_ids=start).logits for model in models]
    torch.testing.assert_close(scores[1] / scores[0].abs().max(), scores[0] / scores[0].abs().max(), rtol=0, atol=1e-5)
    rows = [model.generate(**expected, max_new_tokens=16, **options).tolist() for model in models]
    # After a finished beam ours puts padding, the reference end tokens (docs/decisions: where we differ).
    texts = [[[token for token in row if token > 1] for row in each] for each in rows]
    assert texts[1] == texts[0]
    assert all(len(text) > 3 for text in texts[1])
