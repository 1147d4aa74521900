"""Feature extractors that users write on the two bases, beside the same on the published ones."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers

import bestiary
from bestiary.core.errors import ConfigError, InputError

OURS, THEIRS = (
    SimpleNamespace(
        Base=library.SequenceFeatureExtractor,
        Mixin=library.FeatureExtractionMixin,
        Auto=library.AutoFeatureExtractor,
        Config=library.PreTrainedConfig,
        Batch=library.BatchFeature,
    )
    for library in (bestiary, transformers)
)
CLIPS = [np.arange(length, dtype=np.float32) for length in (9, 17)]


def frames(library: Any) -> Any:
    class Own(library.Base):  # type: ignore[misc]
        model_input_names = ["input_features", "attention_mask"]

        def __init__(self, feature_size: int = 2, sampling_rate: int = 8000, padding_value: float = 0.0, **kwargs: Any) -> None:
            self.hop = kwargs.pop("hop", 4)
            super().__init__(feature_size, sampling_rate, padding_value, **kwargs)
            self.mel_filters = np.ones((3, 3))

        def __call__(self, clips: Any, padding: Any = True, return_tensors: Any = None, **options: Any) -> Any:
            rows = [np.stack([clip[:: self.hop], clip[:: self.hop]], -1) for clip in clips]
            return self.pad(library.Batch({"input_features": rows}), padding=padding, return_tensors=return_tensors, **options)

    return Own


def factor(library: Any) -> Any:
    class Own(library.Mixin):  # type: ignore[misc]
        def __init__(self, scale: int = 1, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.scale = scale

        def __call__(self, value: int) -> Any:
            return library.Batch({"x": [value * self.scale]})

    return Own


@pytest.mark.parametrize(
    "settings", [{}, {"padding_side": "left", "padding_value": 2.0}, {"return_attention_mask": False}], ids=str
)
@pytest.mark.parametrize("options", [{}, {"pad_to_multiple_of": 8}, {"max_length": 3, "truncation": True}], ids=str)
@pytest.mark.parametrize("kind", ["np", "pt"])
def test_rows(settings: dict[str, Any], options: dict[str, Any], kind: str) -> None:
    ours, theirs = (frames(library)(**settings)(CLIPS, return_tensors=kind, **options) for library in (OURS, THEIRS))
    assert list(ours) == list(theirs)
    for name in ours:
        assert np.array_equal(ours[name], theirs[name])
        assert ours[name].dtype == theirs[name].dtype


@pytest.mark.parametrize("write", [frames, factor])
@pytest.mark.parametrize(
    "settings", [{}, {"hop": 3, "note": [1]}, {"processor_class": "Bundle", "return_attention_mask": False}]
)
def test_settings(write: Any, settings: dict[str, Any]) -> None:
    ours, theirs = (write(library)(**settings) for library in (OURS, THEIRS))
    assert ours.to_dict() == theirs.to_dict()


@pytest.mark.parametrize("write", [frames, factor])
def test_saved_and_opened(write: Any, tmp_path: Path) -> None:
    settings = {"hop": 7} if write is frames else {"scale": 7}
    name = next(iter(settings))
    for library, folder in ((OURS, "ours"), (THEIRS, "theirs")):
        own = write(library)
        config = type("OwnConfig", (library.Config,), {"model_type": f"own-{write.__name__}"})
        library.Auto.register(config, own)
        own(**settings, note=3).save_pretrained(tmp_path / folder)
    for library, other in ((OURS, "theirs"), (THEIRS, "ours")):
        own = write(library)
        assert getattr(own.from_pretrained(tmp_path / other), name) == 7
        opened, unused = own.from_pretrained(tmp_path / other, **{name: 9}, unknown=5, return_unused_kwargs=True)
        assert (getattr(opened, name), unused) == (9, {"unknown": 5})
        assert own.get_feature_extractor_dict(tmp_path / other, more=1)[1]["more"] == 1
    assert type(OURS.Auto.from_pretrained(tmp_path / "ours")).__name__ == "Own"


def test_paths_are_read(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = str(tmp_path / "a.wav")
    soundfile.write(path, 0.5 * np.sin(np.arange(800) / 9), 8000, subtype="FLOAT")
    extractor = frames(OURS)()
    read = extractor.fetch_audio([path, CLIPS[0], [CLIPS[1], torch.zeros(3)]])
    assert read[0].shape == (800,)
    assert read[1] is CLIPS[0]
    assert extractor.fetch_audio(path, 4000).shape == (400,)
    with pytest.raises(InputError, match="found int"):
        extractor.fetch_audio(3)


def test_too_many_by_place() -> None:
    with pytest.raises(ConfigError, match="takes feature_size, sampling_rate, padding_value by place; 4 values"):
        OURS.Base(1, 8000, 0.0, "left")
    assert OURS.Base(1, 8000, 0.5).padding_value == 0.5
    assert bestiary.WhisperFeatureExtractor(80, 16000, 100).hop_length == 100
