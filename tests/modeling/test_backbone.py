"""Backbones: which stages give maps, said by name or by index; what a model around one reads of it."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bestiary import (
    AutoBackbone,
    AutoConfig,
    BertConfig,
    ResNetBackbone,
    ResNetConfig,
    ResNetForImageClassification,
    ResNetModel,
    SwinConfig,
    SwinModel,
)
from bestiary.core.errors import ConfigError, UnknownArchitecture
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.modeling.backbone import build_backbone
from bestiary.modeling.backbone_config import read_backbone

TINY = {"embedding_size": 8, "hidden_sizes": [8, 16, 24], "depths": [1, 1, 1]}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"out_features": ["stage1", "stage3"]},
        {"out_indices": [1, -1]},
        {"out_features": ["stage2"], "out_indices": [2]},
        {"out_features": []},
    ],
    ids=str,
)
def test_either_way_to_name_stages_says_what_the_reference_says(values: dict[str, Any]) -> None:
    ours, reference = ResNetConfig(**TINY, **values), transformers.ResNetConfig(**TINY, **values)
    assert ours.stage_names == reference.stage_names
    assert (ours.out_features, ours.out_indices) == (reference.out_features, reference.out_indices)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"out_features": ["stage3", "stage1"]}, "in the model's order"),
        ({"out_features": ["stage1", "stage1"]}, "once each"),
        ({"out_features": ["stag1"]}, "mean 'stage1'"),
        ({"out_indices": [4]}, "stages 0 to 3"),
        ({"out_features": ["stage1"], "out_indices": [2]}, "different stages"),
    ],
    ids=str,
)
def test_what_names_no_stages_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ResNetConfig(**TINY, **values)


def test_setting_one_changes_the_other() -> None:
    config = ResNetConfig(**TINY)
    config.out_indices = [0, 2]
    assert config.out_features == ["stem", "stage2"]
    config.out_features = ["stage1"]
    assert config.out_indices == [1]
    assert ResNetConfig.from_dict(config.to_dict()) == config


def test_a_stored_choice_can_be_overridden(tmp_path: Path) -> None:
    ResNetBackbone(ResNetConfig(**TINY, out_features=["stage1"])).save_pretrained(tmp_path)
    backbone = AutoBackbone.from_pretrained(tmp_path, out_indices=[1, 2])
    assert backbone.out_features == ["stage1", "stage2"]
    maps = backbone(torch.randn(1, 3, 32, 32)).feature_maps
    assert [tuple(each.shape) for each in maps] == [(1, 8, 8, 8), (1, 16, 4, 4)]
    assert AutoConfig.from_pretrained(tmp_path, out_features=["stem"]).out_indices == [0]


def test_what_a_backbone_says_of_itself() -> None:
    values = {**TINY, "out_features": ["stem", "stage2"]}
    ours, reference = ResNetBackbone(ResNetConfig(**values)), transformers.ResNetBackbone(transformers.ResNetConfig(**values))
    for name in ("stage_names", "out_features", "out_indices", "channels", "num_features", "out_feature_channels"):
        assert getattr(ours, name) == getattr(reference, name), name
    ours.out_indices = [3]
    assert ours.channels == [24]


def test_a_whole_model_opens_as_a_backbone(tmp_path: Path) -> None:
    model = ResNetModel(ResNetConfig(**TINY)).eval()
    model.save_pretrained(tmp_path)
    pixels = torch.randn(1, 3, 32, 32)
    maps = AutoBackbone.from_pretrained(tmp_path)(pixels).feature_maps
    assert torch.equal(maps[0], model(pixels).last_hidden_state)


def test_norms_of_maps_that_a_whole_model_lacks_start_afresh(tmp_path: Path) -> None:
    values = {"image_size": 16, "patch_size": 4, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 2}
    SwinModel(SwinConfig(**values)).save_pretrained(tmp_path)
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="new, to be trained: hidden_states_norms.stage1.weight"):
        backbone = AutoBackbone.from_pretrained(tmp_path, out_features=["stage1", "stage2"])
    norms = {name: each for name, each in backbone.state_dict().items() if name.startswith("hidden_states_norms")}
    assert all(bool((each == float(name.endswith("weight"))).all()) for name, each in norms.items())


def test_a_part_is_read_from_its_model_type() -> None:
    values = {"model_type": "resnet", **TINY}
    config = read_backbone("DetrConfig", values)
    assert isinstance(config, ResNetConfig)
    assert read_backbone("DetrConfig", config) is config
    assert isinstance(build_backbone(config), ResNetBackbone)
    for wrong in (TINY, {"model_type": "bert"}, None, "resnet50"):
        with pytest.raises(ConfigError, match="model_type"):
            read_backbone("DetrConfig", wrong)
    with pytest.raises(UnknownArchitecture, match="no model for AutoBackbone"):
        AutoBackbone.from_config(BertConfig())


def test_widths_that_no_stage_has() -> None:
    values = {"embedding_size": 8, "hidden_sizes": [8, 16, 24], "depths": [1, 1], "layer_type": "basic"}
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=r"hidden_sizes \[8, 16, 24\] are more than the stages of depths \[1, 1\]"):
        config = ResNetConfig(**values)
    pixels = torch.zeros(1, 3, 32, 32)
    shape = transformers.ResNetModel(transformers.ResNetConfig(**values))(pixels).last_hidden_state.shape
    assert ResNetModel(config)(pixels).last_hidden_state.shape == shape == (1, 16, 4, 4)
    assert ResNetForImageClassification(config)(pixels).logits.shape == (1, 2)
