"""Weights and running statistics that a file lacks start as they do in a new published model."""

from typing import Any

import pytest
import torch
import transformers
from kit.families import cases, our_class

from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.nn.frozen_norm import FrozenBatchNorm2d

STARTING = [
    ("deberta", "DebertaModel", ("q_bias", "v_bias")),
    ("embedding_gemma2_text", "EmbeddingGemma2TextModel", ("layer_scalar",)),
    ("esm", "EsmForMaskedLM", ("lm_head.bias",)),
    ("gemma4_text", "Gemma4ForCausalLM", ("layer_scalar",)),
    ("informer", "InformerModel", ("running_mean", "running_var", "num_batches_tracked")),
    ("patchtst", "PatchTSTModel", ("running_mean", "running_var", "num_batches_tracked")),
    ("reformer", "ReformerModelWithLMHead", ("lm_head.bias",)),
    ("resnet", "ResNetModel", ("running_mean", "running_var", "num_batches_tracked")),
]


@pytest.mark.parametrize(("model_type", "name", "ends"), STARTING, ids=[row[0] for row in STARTING])
def test_what_a_file_lacks_starts_as_published(model_type: str, name: str, ends: tuple[str, ...]) -> None:
    case = cases()[model_type]
    values: dict[str, Any] = {**case.config, **case.heads[name].config}
    kind = our_class(model_type, name)
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="new-weights"):
        model = kind.from_pretrained(None, config=kind.config_class(**values), state_dict={}, allow_missing=True)
    ours = model.state_dict()
    published = getattr(transformers, name)(getattr(transformers, case.config_class)(**values)).state_dict()
    compared = [key for key in published if key.endswith(ends)]
    assert len(compared) >= len(ends)
    for key in compared:
        torch.testing.assert_close(ours[key], published[key], rtol=0, atol=0)
    assert not any(tensor.isnan().any() for tensor in ours.values())


def test_frozen_norms_start_as_norms_that_change_nothing() -> None:
    kind, case = our_class("detr", "DetrModel"), cases()["detr"]
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="new-weights"):
        model = kind.from_pretrained(None, config=kind.config_class(**case.config), state_dict={}, allow_missing=True)
    norms = [module for module in model.modules() if isinstance(module, FrozenBatchNorm2d)]
    assert norms
    for norm in norms:
        assert (norm.weight.eq(1) & norm.bias.eq(0) & norm.running_mean.eq(0) & norm.running_var.eq(1)).all()
