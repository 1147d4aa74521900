"""Automatic preprocessors: which class opens a folder, and what is said when none of the right kind does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers
from kit.families import OF_EARLIER_RELEASES

from bestiary import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModel,
    AutoProcessor,
    FunnelBaseModel,
    FunnelConfig,
    FunnelModel,
    ViTImageProcessor,
    WhisperFeatureExtractor,
    auto,
)
from bestiary.core.errors import ConfigError, FileMissing, UnknownArchitecture
from bestiary.modeling.families import config_classes, tasks_of


def folder(path: Path, settings: Any, model_type: str | None) -> Path:
    if settings is not None:
        (path / "preprocessor_config.json").write_text(json.dumps(settings))
    if model_type is not None:
        (path / "config.json").write_text(json.dumps({"model_type": model_type}))
    return path


def opened(opener: Any, path: Path) -> str | None:
    """The class without the ending that says how it is done, or None."""
    try:
        return str(type(opener.from_pretrained(path)).__name__).removesuffix("Pil")
    except (UnknownArchitecture, FileMissing, ValueError, OSError):
        return None


AUDIO, IMAGE = {"feature_extractor_type": "WhisperFeatureExtractor"}, {"image_processor_type": "ViTImageProcessor"}


@pytest.mark.parametrize("model_type", [None, "vit", "clip", "whisper", "bert"])
@pytest.mark.parametrize("settings", [AUDIO, IMAGE, {}, None], ids=["audio", "image", "unnamed", "none"])
def test_the_same_class_as_the_reference(tmp_path: Path, settings: Any, model_type: str | None) -> None:
    path = folder(tmp_path, settings, model_type)
    for name, opener in (("AutoImageProcessor", AutoImageProcessor), ("AutoFeatureExtractor", AutoFeatureExtractor)):
        assert opened(opener, path) == opened(getattr(transformers, name), path), name


def test_older_image_checkpoints_call_their_processor_a_feature_extractor(tmp_path: Path) -> None:
    path = folder(tmp_path, {"feature_extractor_type": "ViTFeatureExtractor"}, "vit")
    assert opened(AutoImageProcessor, path) == opened(AutoFeatureExtractor, path) == "ViTImageProcessor"


@pytest.mark.parametrize(
    ("opener", "settings", "said"),
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
def test_another_kind_is_named(tmp_path: Path, opener: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownArchitecture, match=f"^{opener.__name__} cannot open .*{said}"):
        opener.from_pretrained(folder(tmp_path, settings, None))


def test_a_class_does_not_open_the_settings_of_another_kind(tmp_path: Path) -> None:
    for one, other in ((ViTImageProcessor, WhisperFeatureExtractor), (WhisperFeatureExtractor, ViTImageProcessor)):
        one().save_pretrained(tmp_path)
        with pytest.raises(ConfigError, match=f"another kind of preprocessor .*not of a {other.__name__}"):
            other.from_pretrained(tmp_path)
        assert isinstance(AutoProcessor.from_pretrained(tmp_path), one)


@pytest.mark.parametrize("model_type", ["bert", "gpt2", "llama", "t5", "vit", "clip", "whisper"])
def test_a_config_by_its_type(model_type: str) -> None:
    ours, theirs = (opener.for_model(model_type, num_labels=3) for opener in (AutoConfig, transformers.AutoConfig))
    assert type(ours).__name__ == type(theirs).__name__
    assert (ours.model_type, ours.num_labels, ours.id2label) == (model_type, 3, theirs.id2label)


TASKS = [name for name in dir(transformers) if name.startswith("AutoModel") or name == "AutoBackbone"]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_chooses_the_class_that_the_reference_chooses(name: str) -> None:
    automatic, published = getattr(auto, name), getattr(transformers, name)._model_mapping
    for module in map(auto.family, auto.families()):
        for model_type, kind in config_classes(module).items():
            if model_type in OF_EARLIER_RELEASES:
                continue
            reference = getattr(transformers, kind.__name__)
            chosen = published[reference] if reference in published else None
            chosen = chosen[0] if isinstance(chosen, tuple) else chosen  # the first where no architecture says which
            if chosen is not None and chosen.__name__ != "JevForDecision":  # of a family that is not here
                assert automatic.class_for(kind()).__name__ == chosen.__name__, model_type
            elif automatic.tasks[0] in tasks_of(model_type):
                pytest.fail(f"{name} opens no {model_type} in the reference: TASKS names the task of another class")


def test_every_automatic_class_of_models_is_refused_with_the_tasks_of_the_family() -> None:
    with pytest.raises(UnknownArchitecture, match=r"vit has no model for AutoModelForCTC \(ctc\); it has base, image-"):
        auto.AutoModelForCTC.from_config(AutoConfig.for_model("vit"))


def test_a_tokenizer_of_any_family_is_opened_without_a_family(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no-such-type"}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}))
    code = (
        f"import sys\nfrom bestiary import AutoTokenizer\nprint(AutoTokenizer.from_pretrained(r'{tmp_path}')('a').input_ids)"
        "\nprint([name for name in sys.modules if name.startswith('bestiary.models.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["[0]", "[]"], done.stderr


def test_a_type_that_no_family_has() -> None:
    with pytest.raises(ValueError, match="llamma"):
        transformers.AutoConfig.for_model("llamma")
    with pytest.raises(UnknownArchitecture, match="'llamma'.*'llama'"):
        AutoConfig.for_model("llamma")


def test_a_long_name_is_not_echoed() -> None:
    with pytest.raises(UnknownArchitecture) as error:
        AutoConfig.for_model("a" * 100_000)
    assert len(str(error.value)) < 400


def test_a_checkpoint_of_another_class_for_the_same_task_is_opened_as_that(tmp_path: Path) -> None:
    config = FunnelConfig(vocab_size=9, d_model=8, n_head=2, d_head=4, d_inner=8, block_sizes=[1, 1])
    for kind in (FunnelBaseModel, FunnelModel):
        kind(config).save_pretrained(tmp_path / kind.__name__)
        assert type(AutoModel.from_pretrained(tmp_path / kind.__name__)) is kind
