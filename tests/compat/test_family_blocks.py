"""Blocks of families under their published names: the published parameters, and what the published block computes."""

import importlib

import pytest
import torch
import transformers

import bestiary
from bestiary.compat.finder import old_module

SIZES = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
# family, block -> the widths of its inputs, each (2, 3, width), or (2, width) where it is negative
BLOCKS = {
    ("bert", "BertIntermediate"): [32],
    ("bert", "BertOutput"): [24, 32],
    ("bert", "BertSelfOutput"): [32, 32],
    ("bert", "BertAttention"): [32],
    ("bert", "BertLayer"): [32],
    ("bert", "BertPooler"): [32],
    ("bert", "BertPredictionHeadTransform"): [32],
    ("bert", "BertLMPredictionHead"): [32],
    ("bert", "BertOnlyMLMHead"): [32],
    ("bert", "BertOnlyNSPHead"): [-32],
    ("bert", "BertPreTrainingHeads"): [32, -32],
    ("vit", "ViTPooler"): [32],
}
CONFIGS = {"bert": ("BertConfig", {"vocab_size": 9}), "vit": ("ViTConfig", {"pooler_output_size": 12})}


def both(family: str, block: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The block here and the published one, with the same weights."""
    config, sizes = CONFIGS[family]
    path = f"models.{family}.modeling_{family}"
    home = old_module(f"transformers.{path}", [block])
    ours = getattr(home, block)(getattr(bestiary, config)(**SIZES, **sizes)).eval()
    settings = getattr(transformers, config)(**SIZES, **sizes, attn_implementation="eager")
    theirs = getattr(importlib.import_module(f"transformers.{path}"), block)(settings).eval()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize(("family", "block"), BLOCKS)
@torch.no_grad()
def test_a_block_computes_what_the_published_one_does(family: str, block: str) -> None:
    torch.manual_seed(0)
    ours, theirs = both(family, block)
    inputs = [torch.randn((2, 3, width) if width > 0 else (2, -width)) for width in BLOCKS[family, block]]
    results, expected = (each if isinstance(each, tuple) else (each,) for each in (ours(*inputs), theirs(*inputs)))
    # An attention gives its weights only where they are asked for.
    for result, value in zip(results, expected[:1] if results[1:] == (None,) else expected, strict=False):
        torch.testing.assert_close(result, value, atol=1e-5, rtol=0)


def test_models_are_made_of_them() -> None:
    from bestiary.models.bert import model as bert
    from bestiary.models.vit.model import ViTPooler

    config = bestiary.BertConfig(**SIZES, vocab_size=9)
    model = bestiary.BertForPreTraining(config)
    assert isinstance(model.cls, bert.BertPreTrainingHeads)
    assert isinstance(model.bert.pooler, bert.BertPooler)
    assert isinstance(model.bert.encoder.layer[0], bestiary.BertLayer)
    assert isinstance(bestiary.BertForMaskedLM(config).cls, bert.BertOnlyMLMHead)
    assert isinstance(bestiary.ViTModel(bestiary.ViTConfig(**SIZES)).pooler, ViTPooler)
    qwen2 = bestiary.Qwen2Model(bestiary.Qwen2Config(**SIZES, num_key_value_heads=2, vocab_size=9))
    assert isinstance(qwen2.norm, bestiary.Qwen2RMSNorm)
    assert isinstance(qwen2.layers[0].input_layernorm, bestiary.Qwen2RMSNorm)
    assert old_module("transformers.models.qwen2.modeling_qwen2", ["Qwen2RMSNorm"]).Qwen2RMSNorm is bestiary.Qwen2RMSNorm
