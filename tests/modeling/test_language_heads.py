"""Losses of language-modelling heads against targets that are shifted already, and what decoders that stand alone record."""

import copy
import warnings

import pytest
import torch
from kit.families import close, pair

from bestiary.core.logging import forget_warnings

IDS = torch.tensor([[5, 6, 7, 8, 9], [10, 11, 12, 13, 14]])


@pytest.mark.parametrize(("model_type", "name"), [("llama", "LlamaForCausalLM"), ("mixtral", "MixtralForCausalLM")])
def test_targets_may_be_shifted_already(model_type: str, name: str) -> None:
    models = pair(model_type, name)
    targets = torch.tensor([[7, -100, 9, 10, 3], [2, 3, 4, 5, 6]])
    for options in ({}, {"num_items_in_batch": 4}, {"labels": None}):
        inputs = {"input_ids": IDS, "labels": IDS, "shift_labels": targets, **options}
        with torch.no_grad(), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            forget_warnings()
            ours, published = models.ours(**inputs).loss, models.reference(**inputs).loss
        alone = "labels" in options
        assert any("[shift-labels-alone]" in str(each.message) for each in told) == alone
        assert (ours is None) == (published is None) == alone
        if ours is not None:
            torch.testing.assert_close(ours, published, rtol=1e-5, atol=1e-5)


def test_a_decoder_alone_takes_shifted_targets_for_its_labels() -> None:
    model = pair("bart", "BartForCausalLM").ours
    expected = model(IDS, labels=IDS).loss
    torch.testing.assert_close(model(IDS, labels=IDS + 1, shift_labels=IDS).loss, expected)
    assert not torch.equal(model(IDS, labels=IDS + 1).loss, expected)


def test_a_decoder_alone_records_where_its_config_says_so() -> None:
    models = pair("bart", "BartForCausalLM")
    config = copy.deepcopy(models.ours.config)
    config.output_hidden_states = config.output_attentions = True
    model = type(models.ours)(config).eval()
    model.load_state_dict(models.ours.state_dict())
    with torch.no_grad():
        ours, published = model(IDS), models.reference(IDS, output_hidden_states=True, output_attentions=True)
    close(ours.hidden_states, published.hidden_states)
    close(ours.attentions, published.attentions)
