"""What an error of a forward calls its input: by the caller's name for it, and by the one that is wrong."""

import copy
from typing import Any

import pytest
import torch
from kit.families import every_head, pair

from bestiary.core.errors import InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings

IDS = torch.tensor([[5, 6, 7], [8, 9, 2]])
FAMILY_OF = {name: model_type for model_type, name, _ in every_head()}
DOUBLE = torch.zeros(2, 4, 32, dtype=torch.float64)
CHOICES = torch.full((2, 3, 4), 7)


def run(model_type: str, name: str, *args: Any, **inputs: Any) -> Any:
    with torch.no_grad():
        return pair(model_type, name).ours(*args, **inputs)


@pytest.mark.parametrize(
    ("name", "inputs", "text"),
    [
        ("BartForConditionalGeneration", {"decoder_input_ids": IDS[:1]}, "encoder_outputs has 2 rows and decoder_input_ids 1"),
        ("BartForConditionalGeneration", {"labels": IDS[[0, 1, 0]]}, "encoder_outputs has 2 rows and decoder_input_ids 3"),
        ("BartForConditionalGeneration", {"labels": IDS + 500}, "labels hold 509; classes go from 0 to 98"),
        ("BartForConditionalGeneration", {"labels": IDS.tolist()}, r"labels are a list; expected a tensor \(batch, tokens\)"),
        ("BartForConditionalGeneration", {"labels": IDS[0]}, r"labels are of .* shape \(3,\); expected a tensor \(batch, tok"),
        ("BartModel", {"decoder_input_ids": IDS + 500}, "decoder_input_ids holds the id 509"),
        ("BartModel", {"decoder_input_ids": IDS[:, :1] + 500}, "decoder_input_ids from 505 to 508"),
        ("BartModel", {"decoder_attention_mask": torch.ones(2, 5)}, "decoder_attention_mask covers 5 positions"),
        ("BartModel", {"attention_mask": torch.ones(2, 5)}, r"attention_mask has shape \(2, 5\) and input_ids \(2, 3\)"),
        ("BartModel", {"input_ids": None}, "input_ids or inputs_embeds, and not both .*encoder_outputs.*found neither"),
        ("BartModel", {"inputs_embeds": torch.zeros(2, 3, 32)}, "found both"),
        ("BartModel", {"encoder_outputs": torch.zeros(2, 3, 7)}, r"encoder_outputs is .*\(2, 3, 7\); .*\(batch, length, 32\)"),
        ("BartModel", {"encoder_outputs": (torch.zeros(2, 3),)}, r"encoder_outputs is .*\(2, 3\); expected states"),
        ("BartModel", {"encoder_outputs": 5}, "encoder_outputs is a int; expected the encoder's output"),
        ("BartForSequenceClassification", {"input_ids": None, "inputs_embeds": torch.zeros(2, 3, 32)}, "finds in input_ids"),
        ("BartForSequenceClassification", {"attention_mask": torch.ones(2, 5)}, r"attention_mask has shape \(2, 5\)"),
    ],
)
def test_halves_of_a_whole(name: str, inputs: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        run("bart", name, **{"input_ids": IDS, **inputs})


def test_numbers_of_a_mask_are_told_by_the_callers_name() -> None:
    with pytest.warns(BestiaryWarning, match="^decoder_attention_mask holds 3"):
        run("bart", "BartModel", IDS, decoder_attention_mask=torch.ones(2, 3) * 3)


def test_a_mask_beside_the_encoder_s_states() -> None:
    states = torch.zeros(2, 4, 32)
    with pytest.raises(InputError, match="^attention_mask covers 3 positions, but attention sees 4"):
        run("bart", "BartModel", None, torch.ones(2, 3), IDS, encoder_outputs=states)
    with pytest.raises(InputError, match=r"^encoder_attention_mask has 3 rows and encoder_hidden_states 2"):
        run("bert", "BertLMHeadModel", IDS, encoder_hidden_states=states, encoder_attention_mask=torch.ones(3, 4))
    with pytest.raises(InputError, match=r"^encoder_hidden_states has 2 rows and input_ids 1"):
        run("bert", "BertLMHeadModel", IDS[:1], encoder_hidden_states=states)
    assert run("bert", "BertLMHeadModel", IDS, encoder_hidden_states=states[:1]).logits.shape == (2, 3, 99)


def test_the_decoder_of_a_whole_model_alone_has_plain_names() -> None:
    with pytest.raises(InputError, match="^input_ids holds the id 509"):
        run("bart", "BartForCausalLM", IDS + 500)


def test_a_start_token_beyond_the_vocabulary() -> None:
    model = copy.deepcopy(pair("bart", "BartForConditionalGeneration").ours)
    model.config.decoder_start_token_id = 500
    with pytest.raises(InputError, match="config.decoder_start_token_id is 500, outside of the vocabulary of 99"):
        model(IDS, labels=IDS)
    with torch.no_grad():
        assert model(IDS, decoder_input_ids=IDS, labels=IDS).loss.isfinite()


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"input_ids": CHOICES[0]}, r"input_ids is .* shape \(3, 4\); expected \(batch, choices, tokens\)"),
        ({"input_ids": CHOICES.tolist()}, "input_ids is a list"),
        ({"inputs_embeds": torch.zeros(2, 3, 32)}, r"expected \(batch, choices, tokens, width\)"),
        ({}, "found neither"),
        (
            {"input_ids": CHOICES, "attention_mask": torch.ones(2, 2, 4)},
            r"attention_mask has shape \(2, 2, 4\) beside texts of \(2, 3, 4\)",
        ),
    ],
)
def test_several_texts_in_each_row(inputs: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        run("bert", "BertForMultipleChoice", **inputs)


@pytest.mark.parametrize("place", [True, False], ids=["by place", "by name"])
def test_segments_that_a_model_does_not_know(place: bool) -> None:
    segments = torch.ones(2, 3, dtype=torch.int64)
    args, named = ((None, segments), {}) if place else ((), {"token_type_ids": segments})
    with pytest.raises(InputError, match="token_type_ids hold 1; this model knows 1 of them, 0 to 0"):
        run("roberta", "RobertaModel", IDS, *args, **named)


@pytest.mark.parametrize(
    ("name", "inputs", "text"),
    [
        ("MistralModel", {"input_ids": IDS, "attention_mask": "x"}, "attention_mask is a str; expected a tensor"),
        ("ViTModel", {"pixel_values": [[1]]}, "pixel_values is a list; expected a tensor"),
        ("BertLMHeadModel", {"input_ids": IDS, "encoder_hidden_states": DOUBLE}, "^encoder_hidden_states is of torch.float64"),
        (
            "ViTModel",
            {"pixel_values": torch.zeros(1, 3, 16, 16, device="meta")},
            "pixel_values is on meta and the model on cpu",
        ),
        ("MambaModel", {"input_ids": IDS.to("meta")}, "on the meta device"),
        (
            "BertModel",
            {"input_ids": IDS, "attention_mask": torch.ones(2, 3, device="meta")},
            "attention_mask is on meta and the",
        ),
        ("BertForPreTraining", {"input_ids": IDS, "next_sentence_label": IDS[:, 0]}, "^next_sentence_label hold 8; classes go"),
        (
            "GPT2DoubleHeadsModel",
            {"input_ids": CHOICES, "mc_token_ids": torch.full((2, 3), 4)},
            "^mc_token_ids goes from 4",
        ),
        ("GPT2DoubleHeadsModel", {"input_ids": CHOICES, "mc_token_ids": torch.zeros(2)}, "^mc_token_ids is of torch.float32"),
    ],
)
def test_what_is_wrong_is_named(name: str, inputs: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        run(FAMILY_OF[name], name, **inputs)


def test_an_error_of_one_s_own_stays_what_it_is() -> None:
    model = copy.deepcopy(pair("bert", "BertModel").ours)

    def fail(*_: Any) -> None:
        raise RuntimeError("mine")

    model.pooler.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match=r"^mine$") as caught:
        model(IDS)
    assert type(caught.value) is RuntimeError


# told, not refused ---------------------------------------------------------------------------------------------------


def told(text: str, model_type: str, name: str, **inputs: Any) -> Any:
    """What the model gives, with a warning that says `text` once."""
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=text) as caught:
        answer = run(model_type, name, **inputs)
    assert len(caught) == 1
    run(model_type, name, **inputs)  # a second warning would be an error
    return answer


@pytest.mark.parametrize(("model_type", "name"), [("bert", "BertForQuestionAnswering"), ("bart", "BartForQuestionAnswering")])
@pytest.mark.parametrize(("side", "other"), [("start", "end"), ("end", "start")])
def test_half_a_span_has_no_loss(model_type: str, name: str, side: str, other: str) -> None:
    places = {f"{side}_positions": torch.tensor([0, 1])}
    answer = told(f"{side}_positions without {other}_positions", model_type, name, input_ids=IDS, **places)
    assert answer.loss is None
    assert pair(model_type, name).reference(input_ids=IDS, **places).loss is None


@pytest.mark.parametrize(
    ("model_type", "name"),
    [("bert", "BertModel"), ("roberta", "RobertaModel"), ("bart", "BartModel"), ("t5", "T5EncoderModel")],
)
def test_a_row_that_is_hidden_whole(model_type: str, name: str) -> None:
    inputs = {"input_ids": IDS, "attention_mask": torch.tensor([[1, 1, 1], [0, 0, 0]])}
    answer = told("row 1 of attention_mask hides everything", model_type, name, **inputs)
    alone = run(model_type, name, input_ids=IDS[:1], attention_mask=torch.ones(1, 3, dtype=torch.int64))
    torch.testing.assert_close(answer[0][:1], alone[0])
    assert answer[0].isfinite().all()


@pytest.mark.parametrize(
    "flag", ["output_router_logits", "use_cache", "output_hidden_states", "output_attentions", "return_dict"]
)
def test_a_flag_that_is_a_text(flag: str) -> None:
    answer = told(
        f"{flag} is the text 'no', which counts as True", "mixtral", "MixtralForCausalLM", input_ids=IDS, **{flag: "no"}
    )
    expected = run("mixtral", "MixtralForCausalLM", input_ids=IDS, **{flag: True})
    assert answer.keys() == expected.keys()
