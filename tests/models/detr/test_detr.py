"""DETR beyond the generic tests: files with a timm ResNet, what else a call can take, what trains, what is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from kit.families import close, pair
from safetensors.torch import load_file, save_file
from transformers.modeling_outputs import BaseModelOutput

from bestiary import (
    AutoModelForObjectDetection,
    DetrConfig,
    DetrForObjectDetection,
    DetrForSegmentation,
    DetrModel,
    ResNetConfig,
)
from bestiary.core.errors import ConfigError, InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.loading.rules import on_load
from bestiary.models.resnet.weights import timm_names

SMALL = {"d_model": 16, "num_queries": 3, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
SMALL |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
PLACE = r"encoder\.stages\.(\d)\.layers\.(\d)\."


def timm_name(name: str) -> str:
    """Our name of a tensor of the backbone as files with a timm backbone have it."""
    name = name.replace("embedder.embedder.convolution", "conv1").replace("embedder.embedder.normalization", "bn1")
    layer = lambda found: f"layer{int(found[1]) + 1}.{found[2]}."  # noqa: E731
    for old, new in (("convolution", "conv"), ("normalization", "bn")):
        name = re.sub(rf"{PLACE}layer\.(\d)\.{old}", lambda found, new=new: f"{layer(found)}{new}{int(found[3]) + 1}", name)
    name = re.sub(rf"{PLACE}shortcut\.convolution", lambda found: f"{layer(found)}downsample.0", name)
    return re.sub(rf"{PLACE}shortcut\.normalization", lambda found: f"{layer(found)}downsample.1", name)


def test_a_published_file_with_a_timm_resnet_opens(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = DetrConfig(backbone="resnet18", use_timm_backbone=True, use_pretrained_backbone=True, **SMALL)
    model = DetrForObjectDetection(config).eval()
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    published = {timm_name(name): tensor for name, tensor in tensors.items()}
    prefix = "model.backbone.conv_encoder.model."
    assert {
        f"{prefix}layer4.1.bn2.running_var",
        f"{prefix}layer2.0.downsample.0.weight",
        f"{prefix}conv1.weight",
    } <= published.keys()
    assert not any("stages" in name for name in published)
    save_file({**published, f"{prefix}bn1.num_batches_tracked": torch.tensor(7)}, tmp_path / "model.safetensors")
    values = {**SMALL, "model_type": "detr", "backbone": "resnet18", "use_timm_backbone": True, "backbone_config": None}
    again = AutoModelForObjectDetection.from_pretrained(tmp_path, config=DetrConfig.from_dict(values)).eval()
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())
    again.save_pretrained(tmp_path)
    assert load_file(tmp_path / "model.safetensors").keys() == tensors.keys()


def test_the_bottlenecks_of_timm_have_three_convolutions() -> None:
    stored = ["b.layer3.5.conv3.weight", "b.layer3.5.bn3.bias", "b.layer1.0.downsample.1.running_mean"]
    ours = ["b.encoder.stages.2.layers.5.layer.2.convolution.weight", "b.encoder.stages.2.layers.5.layer.2.normalization.bias"]
    ours += ["b.encoder.stages.0.layers.0.shortcut.normalization.running_mean"]
    assert list(on_load(timm_names("b"), stored)) == ours


@pytest.mark.parametrize(
    ("values", "layer_type", "depths"),
    [
        ({}, "bottleneck", [3, 4, 6, 3]),
        ({"backbone": "resnet101.tv_in1k", "use_timm_backbone": True}, "bottleneck", [3, 4, 23, 3]),
        ({"backbone_config": {"model_type": "timm_backbone", "backbone": "resnet34"}}, "basic", [3, 4, 6, 3]),
        ({"backbone_config": {"model_type": "resnet", "depths": [1, 1, 1, 1]}}, "bottleneck", [1, 1, 1, 1]),
        ({"use_timm_backbone": False}, "bottleneck", [3, 4, 6, 3]),
    ],
    ids=str,
)
def test_every_way_to_name_a_backbone(values: dict[str, Any], layer_type: str, depths: list[int]) -> None:
    config = DetrConfig(**values)
    assert isinstance(config.backbone_config, ResNetConfig)
    assert (config.backbone_config.layer_type, config.backbone_config.depths) == (layer_type, depths)
    assert DetrConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dilation": True}, "DC5"),
        ({"backbone": "swin_tiny", "use_timm_backbone": True}, "known are resnet18"),
        ({"backbone": "microsoft/resnet-50", "use_timm_backbone": False}, "another checkpoint, 'microsoft/resnet-50'"),
        ({"backbone_config": {"model_type": "bert"}}, "expected the config of a vision backbone"),
        ({"position_embedding_type": "rotary"}, "sine or learned"),
        ({"d_model": 30}, "encoder_attention_heads"),
    ],
    ids=str,
)
def test_configs_of_which_no_model_can_be_made(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DetrModel(DetrConfig(**values))


@torch.no_grad()
def test_what_else_a_call_takes() -> None:
    models = pair("detr", "DetrModel")
    torch.manual_seed(2)
    places = models.ours(**models.inputs).encoder_last_hidden_state.shape
    states, queries = torch.randn(places), torch.randn(2, 5, 32)
    mask = torch.tensor([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]])
    for options in (
        {"decoder_attention_mask": mask},
        {"decoder_inputs_embeds": queries},
        {"encoder_outputs": (states,)},
    ):
        theirs = {name: BaseModelOutput(*value) if isinstance(value, tuple) else value for name, value in options.items()}
        reference = models.reference(**models.inputs, **theirs)
        close(models.ours(**models.inputs, **options).last_hidden_state, reference.last_hidden_state, str(list(options)))
    plain = {"pixel_values": models.inputs["pixel_values"]}
    close(models.ours(**plain).last_hidden_state, models.reference(**plain).last_hidden_state)


def test_of_the_backbone_only_later_stages_learn() -> None:
    model = pair("detr", "DetrModel").ours.backbone["conv_encoder"].model
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert names
    assert all(name.startswith(("encoder.stages.1.", "encoder.stages.2.")) for name in names)
    assert not any("normalization" in name for name, _ in model.named_parameters())


BOX, CLASS = torch.tensor([[0.5, 0.5, 0.2, 0.2]]), torch.tensor([0])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([{"class_labels": CLASS, "boxes": BOX}], "list of 2 dictionaries"),
        ({"class_labels": CLASS, "boxes": BOX}, "list of 2 dictionaries"),
        ([{"class_labels": CLASS}] * 2, r"labels\[0\] has no tensor boxes; it has class_labels \(Tensor\)"),
        ([{"class_labels": 1, "boxes": BOX}] * 2, r"has no tensor class_labels; it has class_labels \(int\), boxes \(Tensor\)"),
        ([{"class_labels": torch.tensor([3]), "boxes": BOX}] * 2, "classes 0 to 2"),
        ([{"class_labels": CLASS, "boxes": BOX[0]}] * 2, "expected .objects,. and .objects, 4."),
        ([{"class_labels": CLASS, "boxes": -BOX}] * 2, "below 0"),
        ([{"class_labels": CLASS, "boxes": BOX * torch.nan}] * 2, "not finite"),
    ],
    ids=str,
)
def test_labels_that_do_not_fit(labels: Any, message: str) -> None:
    models = pair("detr", "DetrForObjectDetection")
    with pytest.raises(InputError, match=message):
        models.ours(**models.inputs, labels=labels)


def test_a_mask_of_another_size_is_refused() -> None:
    models = pair("detr", "DetrModel")
    with pytest.raises(InputError, match="pixel_mask has shape"):
        models.ours(models.inputs["pixel_values"], torch.ones(2, 60, 90))


def test_more_objects_than_queries_leave_the_rest_unmatched() -> None:
    models = pair("detr", "DetrForObjectDetection")
    torch.manual_seed(4)
    labels = [{"class_labels": torch.randint(0, 3, (8,)), "boxes": torch.rand(8, 4) * 0.4 + 0.1} for _ in range(2)]
    ours, reference = (model(**models.inputs, labels=labels) for model in (models.ours, models.reference))
    for name, value in reference.loss_dict.items():
        close(ours.loss_dict[name], value, name)
    assert list(ours.loss_dict) == list(reference.loss_dict)


def test_the_backbone_of_a_fresh_model_starts_in_its_own_way() -> None:
    torch.manual_seed(0)
    model = DetrModel(DetrConfig(backbone_config={"model_type": "resnet", "depths": [1, 1, 1, 1]}, **SMALL))
    stem = model.get_submodule("backbone.conv_encoder.model.embedder.embedder.convolution").weight
    assert stem.std().item() == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)
    assert model.input_projection.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_what_masks_need() -> None:
    with pytest.raises(ConfigError, match="four stages"):
        DetrForSegmentation(
            DetrConfig(backbone_config={"model_type": "resnet", "depths": [1, 1], "hidden_sizes": [8, 8]}, **SMALL)
        )
    models = pair("detr", "DetrForSegmentation")
    with pytest.raises(InputError, match="no tensor masks"):
        models.ours(**models.inputs, labels=[{"class_labels": CLASS, "boxes": BOX}] * 2)
    with pytest.raises(InputError, match="expected .1, height, width."):
        models.ours(**models.inputs, labels=[{"class_labels": CLASS, "boxes": BOX, "masks": torch.ones(2, 4, 4)}] * 2)


def test_what_is_doubtful_is_computed_and_told() -> None:
    models = pair("detr", "DetrForObjectDetection")
    pixels = [{**image, "boxes": image["boxes"] * 480} for image in models.labels["labels"]]
    hidden = models.inputs["pixel_mask"].clone()
    hidden[1] = 0
    for changed, text in (
        ({"labels": pixels}, r"boxes of labels\[0\] go from 114.5 to 199.8; expected .* in 0..1 of the image"),
        ({"pixel_mask": hidden}, "row 1 of pixel_mask hides everything"),
    ):
        arguments = {**models.inputs, **models.labels, **changed}
        forget_warnings()
        with torch.no_grad(), pytest.warns(BestiaryWarning, match=text) as caught:
            answer = models.ours(**arguments)
        assert len(caught) == 1
        with torch.no_grad():
            expected = models.reference(**arguments)
        close(answer.logits[0], expected.logits[0])
        if changed.keys() == {"labels"}:
            close(answer.loss, expected.loss)


def test_one_mask_for_all_images() -> None:
    models = pair("detr", "DetrModel")
    pixels, mask = models.inputs["pixel_values"], models.inputs["pixel_mask"][1:]
    with torch.no_grad():
        expected = models.reference(pixels, mask.expand(2, -1, -1)).last_hidden_state
        close(models.ours(pixels, mask).last_hidden_state, expected)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"decoder_inputs_embeds": torch.zeros(2, 3, 32)}, r"decoder_inputs_embeds is .* shape \(batch, 5, 32\)"),
        ({"decoder_attention_mask": torch.ones(2, 3)}, "decoder_attention_mask covers 3 positions"),
        ({"encoder_outputs": torch.zeros(2, 24, 7)}, r"encoder_outputs is .* shape \(batch, 24, 32\)"),
        ({"encoder_outputs": torch.zeros(3, 24, 32)}, "encoder_outputs has 3 rows and pixel_values 2"),
        ({"labels": [{"class_labels": torch.tensor([0.5]), "boxes": torch.zeros(1, 4)}] * 2}, "are of torch.float32; expected"),
    ],
)
def test_parts_that_do_not_fit(inputs: dict[str, Any], text: str) -> None:
    models = pair("detr", "DetrForObjectDetection")
    with pytest.raises(InputError, match=text), torch.no_grad():
        models.ours(**{**models.inputs, **inputs})
