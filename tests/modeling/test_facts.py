"""What modules say about themselves, beside release 4.46.3."""

import copy
import json
from pathlib import Path

import pytest
import torch
from kit import model_methods
from kit.families import pair

from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "model_methods.json").read_text())["helpers"]


def test_every_answer_of_the_reference() -> None:
    assert json.loads(json.dumps(model_methods.helpers(model_methods.Ours()))) == GOLDEN


def test_shapes_that_do_not_fit_are_refused() -> None:
    model = pair("bert", "BertModel").ours
    four = torch.ones(1, 1, 2, 3)
    for call in (lambda: model.get_extended_attention_mask(four, (2, 3)), lambda: model.invert_attention_mask(four)):
        with pytest.raises(InputError, match="expected \\(batch, keys\\)"):
            call()
    with pytest.raises(InputError, match="head_mask has shape"):
        model.get_head_mask(torch.ones(1, 2, 4), 2)


def test_no_main_input_is_no_token() -> None:
    with pytest.warns(BestiaryWarning, match="counted in input_ids, and the inputs hold pixel_values"):
        assert pair("bert", "BertModel").ours.floating_point_ops({"pixel_values": torch.ones(2)}) == 0


def test_memory_hooks() -> None:
    model = model_methods.build(model_methods.Ours(), "BertModel")
    model.add_memory_hooks()
    assert model.mem_rss_diff == 0
    model(torch.tensor([[5, 6, 7]]))
    layer = model.encoder.layer[0]
    assert min(layer.mem_rss_post_forward, layer.mem_rss_pre_forward) > 0  # the system may take memory back meanwhile
    model.reset_memory_hooks_state()
    assert model.mem_rss_diff == layer.mem_rss_post_forward == 0


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("bert", "BertModel"),
        ("bert", "BertLMHeadModel"),
        ("llama", "LlamaModel"),
        ("llama", "LlamaForCausalLM"),
        ("t5", "T5ForConditionalGeneration"),
        ("t5", "T5EncoderModel"),
        ("bart", "BartForCausalLM"),
        ("whisper", "WhisperForAudioClassification"),
    ],
)
def test_the_parts_that_encode_and_decode_are_where_published(family: str, name: str) -> None:
    models = pair(family, name)
    for part in ("get_encoder", "get_decoder"):
        places = []
        for model in (models.ours, models.reference):
            module = getattr(model, part)()
            places.append(next(place for place, each in model.named_modules() if each is module))
        assert places[0] == places[1], part


def test_a_part_may_be_put_in_the_place_of_the_decoder_or_encoder() -> None:
    model = pair("bert", "BertLMHeadModel").ours
    encoder = copy.deepcopy(model.get_encoder())
    model.set_encoder(encoder)
    assert model.bert.encoder is encoder
    backbone = copy.deepcopy(model.get_decoder())
    model.set_decoder(backbone)
    assert model.bert is backbone
    with pytest.raises(ArgumentError, match="LlamaModel is its own decoder"):
        pair("llama", "LlamaModel").ours.set_decoder(torch.nn.Identity())
