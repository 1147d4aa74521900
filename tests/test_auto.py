"""Automatic preprocessors: which class opens a folder, and what is said when none of the right kind does."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from bestiary import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoProcessor,
    ViTImageProcessor,
    WhisperFeatureExtractor,
)
from bestiary.core.errors import ConfigError, FileMissing, UnknownArchitecture


def folder(path: Path, settings: Any, model_type: str | None) -> Path:
    if settings is not None:
        (path / "preprocessor_config.json").write_text(json.dumps(settings))
    if model_type is not None:
        (path / "config.json").write_text(json.dumps({"model_type": model_type}))
    return path


def opened(auto: Any, path: Path) -> str | None:
    """The class without the ending that says how it is done, or None."""
    try:
        return str(type(auto.from_pretrained(path)).__name__).removesuffix("Pil")
    except (UnknownArchitecture, FileMissing, ValueError, OSError):
        return None


AUDIO, IMAGE = {"feature_extractor_type": "WhisperFeatureExtractor"}, {"image_processor_type": "ViTImageProcessor"}


@pytest.mark.parametrize("model_type", [None, "vit", "clip", "whisper", "bert"])
@pytest.mark.parametrize("settings", [AUDIO, IMAGE, {}, None], ids=["audio", "image", "unnamed", "none"])
def test_the_same_class_as_the_reference(tmp_path: Path, settings: Any, model_type: str | None) -> None:
    path = folder(tmp_path, settings, model_type)
    for name, auto in (("AutoImageProcessor", AutoImageProcessor), ("AutoFeatureExtractor", AutoFeatureExtractor)):
        assert opened(auto, path) == opened(getattr(transformers, name), path), name


def test_older_image_checkpoints_call_their_processor_a_feature_extractor(tmp_path: Path) -> None:
    path = folder(tmp_path, {"feature_extractor_type": "ViTFeatureExtractor"}, "vit")
    assert opened(AutoImageProcessor, path) == opened(AutoFeatureExtractor, path) == "ViTImageProcessor"


@pytest.mark.parametrize(
    ("auto", "settings", "said"),
    [
        (AutoImageProcessor, AUDIO, "belong to a WhisperFeatureExtractor, which AutoFeatureExtractor opens"),
        (AutoFeatureExtractor, IMAGE, "belong to a ViTImageProcessor, which AutoImageProcessor opens"),
        (AutoImageProcessor, {"image_processor_type": "BertTokenizer"}, "belong to a BertTokenizer, which AutoTokenizer opens"),
        (AutoImageProcessor, {"image_processor_type": "BertModel"}, "belong to a BertModel"),
        (AutoImageProcessor, {"image_processor_type": "TASKS"}, "'TASKS', which no family has"),
        (AutoImageProcessor, {"image_processor_type": "NoSuch"}, "'NoSuch', which no family has"),
        (AutoImageProcessor, {"image_processor_type": 5}, "no file names its class"),
        (AutoProcessor, {"processor_class": "BertModel"}, "belong to a BertModel"),
    ],
)
def test_another_kind_is_named(tmp_path: Path, auto: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownArchitecture, match=f"^{auto.__name__} cannot open .*{said}"):
        auto.from_pretrained(folder(tmp_path, settings, None))


def test_a_class_does_not_open_the_settings_of_another_kind(tmp_path: Path) -> None:
    for one, other in ((ViTImageProcessor, WhisperFeatureExtractor), (WhisperFeatureExtractor, ViTImageProcessor)):
        one().save_pretrained(tmp_path)
        with pytest.raises(ConfigError, match=f"another kind of preprocessor .*not of a {other.__name__}"):
            other.from_pretrained(tmp_path)
        assert isinstance(AutoProcessor.from_pretrained(tmp_path), one)


@pytest.mark.parametrize("model_type", ["bert", "gpt2", "llama", "t5", "vit", "clip", "whisper"])
def test_a_config_by_its_type(model_type: str) -> None:
    ours, theirs = (auto.for_model(model_type, num_labels=3) for auto in (AutoConfig, transformers.AutoConfig))
    assert type(ours).__name__ == type(theirs).__name__
    assert (ours.model_type, ours.num_labels, ours.id2label) == (model_type, 3, theirs.id2label)


def test_a_type_that_no_family_has() -> None:
    with pytest.raises(ValueError, match="llamma"):
        transformers.AutoConfig.for_model("llamma")
    with pytest.raises(UnknownArchitecture, match="'llamma'.*'llama'"):
        AutoConfig.for_model("llamma")
