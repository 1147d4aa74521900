"""What every model can do with its embeddings, beside the reference."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import pair
from torch import nn

from bestiary import BertModel, BertPreTrainedModel
from bestiary.core.errors import ArgumentError
from bestiary.core.logging import BestiaryWarning

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


def test_a_head_of_ones_own_has_the_embeddings_of_its_backbone(tmp_path: Path) -> None:
    models = pair("bert", "BertModel")
    ids, mask = IDS, MASK
    outcomes = []
    for model_class, base in ((BertModel, BertPreTrainedModel), (transformers.BertModel, transformers.BertPreTrainedModel)):

        class Scorer(base):  # type: ignore[misc,valid-type]
            def __init__(self, config: Any, model_class: Any = model_class) -> None:
                super().__init__(config)
                self.bert = model_class(config)
                self.score = nn.Linear(config.hidden_size, 1)
                self.post_init()

            def forward(self, input_ids: Any, attention_mask: Any = None) -> Any:
                return self.score(self.bert(input_ids, attention_mask=attention_mask)[1])

        folder = tmp_path / base.__module__
        models.ours.save_pretrained(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BestiaryWarning)  # the score is new
            model = Scorer.from_pretrained(folder).eval()
        model.score.weight.data.fill_(0.5)
        model.score.bias.data.zero_()
        size = model.config.vocab_size
        assert model.get_input_embeddings() is model.bert.embeddings.word_embeddings
        assert model.resize_token_embeddings(size + 2).num_embeddings == size + 2 == model.config.vocab_size
        with torch.no_grad():
            outcomes.append(model(ids, attention_mask=mask))
    torch.testing.assert_close(*outcomes, rtol=1e-5, atol=1e-5)
