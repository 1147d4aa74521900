"""CLIP, besides what the parity suite runs for every family."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import Pair, close, pair, spread
from safetensors.torch import load_file, save_file

from bestiary.core.errors import ConfigError, InputError
from bestiary.models import clip
from bestiary.models.clip import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPVisionConfig

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "projection_dim": 24,
}
TEXT = {**SMALL, "vocab_size": 99, "max_position_embeddings": 12, "bos_token_id": 97, "eos_token_id": 98}
VISION = {**SMALL, "image_size": 16, "patch_size": 8}


@pytest.fixture
def both() -> Pair:
    return pair("clip", "CLIPModel")


def texts(eos: Any) -> tuple[Any, Any]:
    """The text encoder of the reference and ours with the same weights."""
    torch.manual_seed(0)
    reference = transformers.CLIPTextModel(transformers.CLIPTextConfig(**{**TEXT, "eos_token_id": eos})).eval()
    spread(reference)
    ours = CLIPTextModel(CLIPTextConfig(**{**TEXT, "eos_token_id": eos})).eval()
    ours.load_state_dict(reference.state_dict())
    return reference, ours


# texts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eos", [98, 2, 50])
@torch.no_grad()
def test_a_text_speaks_through_its_first_end_token(eos: int) -> None:
    reference, ours = texts(eos)
    ids = torch.tensor([[97, 5, 98, 7, 98, 50], [97, 50, 60, 98, 1, 1], [97, 5, 6, 7, 50, 98]])
    close(ours(ids).pooler_output, reference(ids).pooler_output)


@torch.no_grad()
def test_several_end_tokens() -> None:
    _, ours = texts([98, 50])
    output = ours(torch.tensor([[97, 5, 98, 50], [97, 50, 98, 6]]))
    assert torch.equal(output.pooler_output, output.last_hidden_state[[0, 1], [2, 1]])


@torch.no_grad()
def test_a_text_without_end_speaks_through_its_first_token() -> None:
    reference, ours = texts(98)
    ids, mask = torch.tensor([[97, 5, 98], [97, 5, 6]]), torch.tensor([[1, 1, 0], [1, 1, 1]])
    with pytest.warns(UserWarning, match=r"row 1 of input_ids has no end token \(98\)"):
        close(ours(ids).pooler_output, reference(ids).pooler_output)
    close(ours(ids, mask).pooler_output, reference(ids, mask).pooler_output)


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_padding_changes_nothing(side: str) -> None:
    _, ours = texts(98)
    alone = ours(torch.tensor([[97, 5, 6, 98]]))
    row, mask = [97, 5, 6, 98], [1, 1, 1, 1]
    pads = [98, 98, 98]
    ids = torch.tensor([pads + row if side == "left" else row + pads, [97, 8, 7, 6, 5, 4, 98]])
    seen = torch.tensor([[0, 0, 0, *mask] if side == "left" else [*mask, 0, 0, 0], [1] * 7])
    padded = ours(ids, seen)
    close(padded.pooler_output[:1], alone.pooler_output)
    states = padded.last_hidden_state[:1, 3:] if side == "left" else padded.last_hidden_state[:1, :4]
    close(states, alone.last_hidden_state)


@torch.no_grad()
def test_states_of_padding_on_the_right_are_the_reference_s() -> None:
    """Image generators read all positions of a text, padding included."""
    reference, ours = texts(98)
    ids = torch.tensor([[97, 5, 98, 98, 98, 98], [97, 5, 6, 7, 8, 98]])
    mask = torch.tensor([[1, 1, 1, 0, 0, 0], [1] * 6])
    for inputs in ({"input_ids": ids}, {"input_ids": ids, "attention_mask": mask}):
        close(ours(**inputs).last_hidden_state, reference(**inputs).last_hidden_state)


@torch.no_grad()
def test_padding_without_a_mask_is_no_error_because_it_changes_nothing() -> None:
    _, ours = texts(98)
    ids = torch.tensor([[97, 5, 98, 1, 1]])
    close(ours(ids).pooler_output, ours(ids[:, :3]).pooler_output)


def test_a_text_too_long_is_told_with_the_number_to_cut() -> None:
    _, ours = texts(98)
    with pytest.raises(InputError, match=r"has 15 positions, and this model knows 12; cut 3 tokens"):
        ours(torch.full((1, 15), 98))


def test_ids_outside_of_the_vocabulary_are_named() -> None:
    with pytest.raises(InputError, match="99, outside of the vocabulary of 99"):
        texts(98)[1](torch.tensor([[97, 99, 98]]))


# both ----------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_features_of_one_side(both: Pair) -> None:
    text = {name: both.inputs[name] for name in ("input_ids", "attention_mask")}
    image = {"pixel_values": both.inputs["pixel_values"]}
    for name, inputs in (("get_text_features", text), ("get_image_features", image)):
        expected = getattr(both.reference, name)(**inputs, output_hidden_states=True)
        found = getattr(both.ours, name)(**inputs, output_hidden_states=True)
        close(found.pooler_output, expected.pooler_output, name)
        assert len(found.hidden_states) == len(expected.hidden_states)
        plain = getattr(both.ours, name)(**inputs, return_dict=False)
        assert torch.equal(plain[1], found.pooler_output)


@torch.no_grad()
def test_other_numbers_of_texts_than_images(both: Pair) -> None:
    inputs = {**both.inputs, "pixel_values": both.inputs["pixel_values"][:1]}
    output = both.ours(**inputs)
    assert output.logits_per_image.shape == (1, 3)
    close(output.logits_per_text, both.reference(**inputs).logits_per_text)
    with pytest.raises(InputError, match="3 texts and 1 images"):
        both.ours(**inputs, return_loss=True)


def test_one_side_alone_is_refused_with_the_way_out(both: Pair) -> None:
    with pytest.raises(InputError, match="get_text_features"):
        both.ours(input_ids=both.inputs["input_ids"])


@torch.no_grad()
def test_plain_output_is_plain_all_the_way_down(both: Pair) -> None:
    plain = both.ours(**both.inputs, return_dict=False)
    expected = both.reference(**both.inputs, return_dict=False)
    assert [type(value) for value in plain] == [type(value) for value in expected]


@pytest.mark.parametrize("name", ["CLIPModel", "CLIPForImageClassification"])
@torch.no_grad()
def test_config_may_ask_for_plain_output(both: Pair, name: str) -> None:
    model = getattr(clip, name)(CLIPConfig(**both.case.config, return_dict=False))
    inputs = both.inputs if name == "CLIPModel" else {"pixel_values": both.inputs["pixel_values"]}
    assert isinstance(model(**inputs), tuple)
    assert isinstance(model(**inputs, output_hidden_states=True), tuple)
    assert model(**inputs, return_dict=True).keys()


def test_recomputing_layers_gives_the_same_gradients() -> None:
    model = CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24)).train()
    ids, pixels = torch.tensor([[97, 5, 98], [97, 6, 98]]), torch.randn(2, 3, 16, 16)
    model(ids, pixels, return_loss=True).loss.backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    model.gradient_checkpointing_enable()
    model(ids, pixels, return_loss=True).loss.backward()
    for name, parameter in model.named_parameters():
        close(parameter.grad, expected[name], name)


@torch.no_grad()
def test_resizing_the_vocabulary_keeps_old_vectors() -> None:
    model = CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION)).eval()
    ids = torch.tensor([[97, 5, 98]])
    before = model.get_text_features(ids).pooler_output
    model.resize_token_embeddings(120)
    assert model.config.text_config.vocab_size == 120
    close(model.get_text_features(ids).pooler_output, before)
    model.get_text_features(torch.tensor([[97, 119, 98]]))


def test_starting_weights_are_spread_as_in_the_reference() -> None:
    text, vision = {**TEXT, "hidden_size": 128}, {**VISION, "hidden_size": 64, "num_hidden_layers": 1}
    torch.manual_seed(0)
    values = {"text_config": text, "vision_config": vision, "projection_dim": 24, "num_labels": 20}
    for name in ("CLIPModel", "CLIPForImageClassification"):
        reference = getattr(transformers, name)(transformers.CLIPConfig(**values))
        ours = dict(getattr(clip, name)(CLIPConfig(**values)).named_parameters())
        for key, expected in reference.named_parameters():
            if expected.numel() < 2:
                close(ours[key], expected, key)
            else:
                assert ours[key].std().item() == pytest.approx(expected.std().item(), rel=0.35), key


def test_export(both: Pair) -> None:
    program = torch.export.export(both.ours, (), both.inputs).module()
    close(program(**both.inputs).logits_per_image, both.ours(**both.inputs).logits_per_image)


# configs and checkpoints ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"text_config": {"hidden_size": 24, "num_attention_heads": 4}},
        {"text_config_dict": {"hidden_size": 48, "num_attention_heads": 4}},
        {"text_config": {"hidden_size": 32}, "text_config_dict": {"hidden_size": 64}},
        {"vision_config_dict": {"patch_size": 14}},
        {"text_config_dict": None, "vision_config": None},
    ],
)
def test_every_way_to_say_the_parts(values: dict[str, Any]) -> None:
    ours, reference = CLIPConfig(**values), transformers.CLIPConfig(**values)
    for part in ("text_config", "vision_config"):
        expected = getattr(reference, part).to_dict()
        for name, value in getattr(ours, part).to_dict().items():
            if name in expected and name != "return_dict":
                assert expected[name] == value, name
    assert not any(name.endswith("_dict") and name != "return_dict" for name in ours.to_dict())


def test_parts_as_objects_are_copied() -> None:
    text = CLIPTextConfig(**TEXT)
    config = CLIPConfig(text_config=text, text_config_dict={"vocab_size": 50})
    assert (config.text_config.hidden_size, config.text_config.vocab_size, text.vocab_size) == (32, 50, 99)
    with pytest.raises(ConfigError, match="text_config is a CLIPVisionConfig; expected CLIPTextConfig"):
        CLIPConfig(text_config=CLIPVisionConfig())


def test_part_configs_read_the_whole_file(tmp_path: Path) -> None:
    CLIPConfig(text_config=TEXT, vision_config=VISION).save_pretrained(tmp_path)
    assert CLIPTextConfig.from_pretrained(tmp_path).vocab_size == 99
    assert CLIPVisionConfig.from_pretrained(tmp_path).image_size == 16


def test_no_end_token_is_refused() -> None:
    with pytest.raises(ConfigError, match="eos_token_id is None"):
        CLIPTextConfig(eos_token_id=None)


@pytest.mark.parametrize(
    "name", ["CLIPTextModel", "CLIPVisionModel", "CLIPTextModelWithProjection", "CLIPVisionModelWithProjection"]
)
def test_an_encoder_opens_the_checkpoint_of_both(both: Pair, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = getattr(clip, name).from_pretrained(both.folder)
    whole = load_file(both.folder / "model.safetensors")
    for key, value in model.state_dict().items():
        assert torch.equal(value, whole[key if key in whole else f"{model.base_model_prefix}.{key}"]), key


def test_text_encoder_opens_files_with_its_older_prefix(tmp_path: Path) -> None:
    _, ours = texts(98)
    ours.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    older = {f"text_model.{key}": value for key, value in tensors.items()}
    older["text_model.embeddings.position_ids"] = torch.arange(12).unsqueeze(0)
    save_file(older, tmp_path / "model.safetensors", metadata={"format": "pt"})
    again = CLIPTextModel.from_pretrained(tmp_path)
    assert all(torch.equal(value, tensors[key]) for key, value in again.state_dict().items())
    assert again.text_model is again
