"""What the published feature extractors compute, though it is doubtful: the same numbers here, and one warning says why."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.models.whisper.feature_extractor import WhisperFeatureExtractor
from bestiary.preprocess.audio.extractor import WaveformExtractor

SMALL = {"feature_size": 8, "chunk_length": 1}
EXTRACTORS = {
    "waveforms": (WaveformExtractor(), transformers.Wav2Vec2FeatureExtractor(do_normalize=False)),
    "normalised": (WaveformExtractor(do_normalize=True), transformers.Wav2Vec2FeatureExtractor(do_normalize=True)),
    "spectra": (WhisperFeatureExtractor(**SMALL), transformers.WhisperFeatureExtractor(**SMALL)),
}
CLIP = np.random.default_rng(0).uniform(-0.9, 0.9, 5000).astype(np.float32)
DEEP = (CLIP * 32767).astype(np.int16)


def compare(name: str, clip: Any, **options: Any) -> None:
    ours, theirs = EXTRACTORS[name]
    options = {"sampling_rate": 16000, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no samples
        expected = theirs(clip, **options)
    result = ours(clip, **options)
    assert set(result) == set(expected)
    for key in expected:
        assert len(result[key]) == len(expected[key])
        for row, other in zip(result[key], expected[key], strict=True):
            np.testing.assert_allclose(row, np.asarray(other, np.float64), atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (DEEP, "whole-samples"),
        (DEEP.tolist(), "whole-samples"),
        ([DEEP, DEEP[:3000]], "whole-samples"),
        (torch.from_numpy(DEEP), "whole-samples"),
        ((DEEP // 256 + 128).astype(np.uint8), "whole-samples"),
        (CLIP[:0], "empty-audio"),
        ([CLIP, CLIP[:0]], "empty-audio"),
    ],
    ids=["16 bits", "list", "batch", "tensor", "8 bits", "empty", "one is empty"],
)
@pytest.mark.parametrize("name", EXTRACTORS)
def test_one_warning(name: str, clip: Any, code: str) -> None:
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=rf"\[{code}\]"):
        compare(name, clip)


@pytest.mark.parametrize(
    "clip",
    [
        CLIP > 0,
        CLIP.astype(object),
        (CLIP > 0).astype(np.int64),
        [torch.tensor(float(sample)) for sample in CLIP[:500]],
        CLIP[None, :2],
        CLIP[:4].reshape(2, 2),
        CLIP[::-1],
    ],
    ids=["boolean", "objects", "0 and 1", "tensors of one number", "(1, 2)", "(2, 2)", "backwards"],
)
@pytest.mark.parametrize("name", EXTRACTORS)
def test_kinds_of_numbers(name: str, clip: Any) -> None:
    if name != "spectra" or not isinstance(clip, np.ndarray) or clip.dtype != object:  # these the reference refuses
        compare(name, clip)


def test_spectra_of_no_length_are_of_one_chunk() -> None:
    compare("spectra", CLIP, max_length=0)


def test_floats_that_numpy_lacks_are_read() -> None:
    extractor, half = EXTRACTORS["normalised"][0], torch.from_numpy(CLIP).to(torch.bfloat16)
    found, expected = (extractor(clip, sampling_rate=16000).input_values[0] for clip in (half, half.float()))
    np.testing.assert_array_equal(found, expected)
