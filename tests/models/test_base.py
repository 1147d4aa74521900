"""What every model can do with its embeddings, beside the reference."""

from typing import Any

import pytest
import torch
from kit.families import pair
from torch import nn

from bestiary.core.errors import ArgumentError

IDS = torch.tensor([[5, 9, 33, 12]])
MASK = torch.ones_like(IDS)
GENERATORS = [("bert", "BertForMaskedLM"), ("gpt2", "GPT2LMHeadModel"), ("llama", "LlamaForCausalLM")]


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=IDS, attention_mask=MASK).logits
    return found


@pytest.mark.parametrize(("family", "name"), GENERATORS)
def test_embeddings_are_replaced_as_in_the_reference(family: str, name: str) -> None:
    models = pair(family, name)
    kind = type(models.ours)
    ours, theirs = kind.from_pretrained(models.folder), type(models.reference).from_pretrained(models.folder)
    before = logits(ours)
    for model in (ours, theirs):
        torch.manual_seed(0)
        old = model.get_input_embeddings()
        new = nn.Embedding(old.num_embeddings, old.embedding_dim)
        model.set_input_embeddings(new)
        assert model.get_input_embeddings() is new
    assert not torch.allclose(logits(ours), before)
    for model in (ours, theirs):
        model.tie_weights()
    torch.testing.assert_close(logits(ours), logits(theirs))
    for model in (ours, theirs):
        torch.manual_seed(1)
        old = model.get_output_embeddings()
        new_head = nn.Linear(old.in_features, old.out_features, bias=old.bias is not None)
        model.set_output_embeddings(new_head)
        assert model.get_output_embeddings() is new_head
    torch.testing.assert_close(logits(ours), logits(theirs))


def test_a_model_without_logits_over_words() -> None:
    models = pair("bert", "BertModel")
    with pytest.raises(ArgumentError, match="BertModel has no output embedding"):
        models.ours.set_output_embeddings(nn.Linear(2, 2))


def test_gradients_of_inputs_are_asked_for_and_not() -> None:
    models = pair("llama", "LlamaForCausalLM")
    model = type(models.ours).from_pretrained(models.folder)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for switch, wanted in ((model.enable_input_require_grads, True), (model.disable_input_require_grads, False)):
        switch()
        assert model(input_ids=IDS).logits.requires_grad is wanted
