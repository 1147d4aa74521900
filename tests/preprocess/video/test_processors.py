"""The video processors of families, and their older image processors.

The published video processors need torchvision, which is not here: frames are compared with those that the published image
processors make, by Pillow as ours.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kit.films import write_film
from PIL import Image
from transformers.models.timesformer.video_processing_timesformer import TimesformerVideoProcessor as PublishedTimesformer
from transformers.models.videomae.video_processing_videomae import VideoMAEVideoProcessor as PublishedVideoMAE
from transformers.models.vivit.video_processing_vivit import VivitVideoProcessor as PublishedVivit
from transformers.models.vjepa2.video_processing_vjepa2 import VJEPA2VideoProcessor as PublishedVJEPA2

import bestiary
from bestiary.core.errors import ArgumentError, ConfigError, InputError, UnknownArchitecture
from bestiary.preprocess.video.metadata import VideoMetadata

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
# Video processor -> the published class, the published image processor that makes the same frames, and its settings.
PUBLISHED: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "VideoMAEVideoProcessor": (PublishedVideoMAE, transformers.VideoMAEImageProcessorPil, {}),
    "TimesformerVideoProcessor": (PublishedTimesformer, transformers.VideoMAEImageProcessorPil, IMAGENET),
    "VJEPA2VideoProcessor": (PublishedVJEPA2, transformers.VideoMAEImageProcessorPil, IMAGENET),
    "VivitVideoProcessor": (PublishedVivit, transformers.VivitImageProcessor, {}),
}
IMAGE_PROCESSORS = {
    "VideoMAEImageProcessor": transformers.VideoMAEImageProcessorPil,
    "VivitImageProcessor": transformers.VivitImageProcessor,
}


def film(frames: int = 3, height: int = 37, width: int = 52, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", PUBLISHED)
def test_defaults(name: str) -> None:
    theirs, found = PUBLISHED[name][0], getattr(bestiary, name)().to_dict()
    assert found["crop_size"] == (theirs.crop_size if name != "VJEPA2VideoProcessor" else {"height": 256, "width": 256})
    for field in ("size", "do_resize", "do_center_crop", "do_rescale", "rescale_factor", "do_normalize"):
        if hasattr(theirs, field):
            assert found[field] == getattr(theirs, field), field
    for field in ("image_mean", "image_std", "do_sample_frames", "do_convert_rgb", "resample"):
        if hasattr(theirs, field):
            assert plain(found.get(field)) == plain(getattr(theirs, field)), field
    assert getattr(bestiary, name).model_input_names == theirs.model_input_names
    assert found["video_processor_type"] == name


@pytest.mark.parametrize("name", PUBLISHED)
def test_pixels(name: str) -> None:
    _, image_processor, settings = PUBLISHED[name]
    sizes = {"size": {"shortest_edge": 24}, "crop_size": {"height": 20, "width": 28}}
    films = [film(), film(3, 52, 30, 1)]
    expected = image_processor(**settings, **sizes)([list(each) for each in films], return_tensors="pt").pixel_values
    ours, [key] = getattr(bestiary, name)(**sizes), getattr(bestiary, name).model_input_names
    for given in (films, [[Image.fromarray(frame) for frame in each] for each in films]):
        found = ours(given, return_tensors="pt")[key]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    whole = ours(torch.from_numpy(films[0]), return_tensors="np", data_format="channels_last")[key]
    np.testing.assert_allclose(whole, expected[:1].permute(0, 1, 3, 4, 2).numpy(), atol=1e-5)
    bare = ours(films[0], do_resize=False, do_center_crop=False, do_normalize=False, do_rescale=False)[key]
    assert np.array_equal(bare[0], films[0].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("name", IMAGE_PROCESSORS)
def test_older_image_processors(name: str) -> None:
    ours, theirs = getattr(bestiary, name), IMAGE_PROCESSORS[name]
    sizes = {"size": {"shortest_edge": 24}, "crop_size": {"height": 20, "width": 28}}
    for frames in (list(film()), [list(film()), list(film(3, 60, 41))], [Image.fromarray(film()[0])]):
        expected = theirs(**sizes)(frames, return_tensors="pt").pixel_values
        torch.testing.assert_close(ours(**sizes)(frames, return_tensors="pt").pixel_values, expected, atol=1e-5, rtol=0)
    published, found = theirs().to_dict(), ours().to_dict()
    assert {key: plain(found.get(key)) for key in published} == {key: plain(value) for key, value in published.items()}


def test_offsets_of_vivit_can_be_left_out() -> None:
    frames, options = list(film()), {"offset": False, "do_normalize": False, "crop_size": {"height": 20, "width": 20}}
    expected = transformers.VivitImageProcessor(**options)(frames, return_tensors="pt").pixel_values
    torch.testing.assert_close(bestiary.VivitImageProcessor(**options)(frames, return_tensors="pt").pixel_values, expected)


def test_frames_are_sampled(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4")
    processor = bestiary.VideoMAEVideoProcessor(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})
    every = processor(path, return_tensors="pt").pixel_values
    assert every.shape == (1, 30, 3, 24, 24)
    some = processor([path, str(path)], do_sample_frames=True, num_frames=5, return_metadata=True, return_tensors="pt")
    assert some.video_metadata[1].frames_indices == [0, 6, 12, 18, 24]
    assert torch.equal(some.pixel_values[1], every[0, ::6])
    by_rate = processor(path, do_sample_frames=True, fps=2, return_tensors="pt").pixel_values
    assert torch.equal(by_rate, every[:, ::5])
    known = processor(
        film(30), do_sample_frames=True, fps=2, return_metadata=True, video_metadata={"total_num_frames": 30, "fps": 10}
    )
    assert known.video_metadata[0].frames_indices == [0, 5, 10, 15, 20, 25]
    chosen = processor(path, sample_indices_fn=lambda metadata: [metadata.total_num_frames - 1], return_tensors="pt")
    assert torch.equal(chosen.pixel_values, every[:, -1:])
    assert processor.sample_frames(VideoMetadata(9), num_frames=3).tolist() == [0, 3, 6]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    processor = bestiary.VideoMAEVideoProcessor(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})
    with pytest.raises(InputError, match="9 frames of the film are asked for and it has 3"):
        processor(film(), do_sample_frames=True, num_frames=9)
    with pytest.raises(InputError, match="frame 1 of a film is 5 x 6 x 3"):
        processor([np.zeros((6, 6, 3), np.uint8), np.zeros((5, 6, 3), np.uint8)])
    with pytest.raises(InputError, match="its rows differ"):
        processor([film(3), film(2)], return_tensors="pt")
    with pytest.raises(InputError, match="video_metadata tells of 1 films, and 2 were given"):
        processor([film(), film()], video_metadata=[{"total_num_frames": 3}])
    with pytest.raises(InputError, match="video_metadata is"):
        processor(film(), video_metadata={"fps": 3})
    with pytest.raises(ArgumentError, match="pass one of them"):
        processor.sample_frames(VideoMetadata(9), num_frames=3, fps=2)
    with pytest.raises(ArgumentError, match="takes no argument 'num_frame'"):
        processor(film(), num_frame=3)
    with pytest.raises(ConfigError, match="num_frames"):
        bestiary.VideoMAEVideoProcessor(num_frames=0)
    for nothing in ([], [[]]):
        with pytest.raises(InputError, match="no film was given|without frames"):
            processor(nothing)


def test_files(tmp_path: Path) -> None:
    """Both libraries' files are opened; older checkpoints have settings of an image processor alone."""
    transformers.VideoMAEImageProcessorPil(size={"shortest_edge": 30}).save_pretrained(tmp_path)
    transformers.VideoMAEConfig().save_pretrained(tmp_path)
    older = bestiary.AutoVideoProcessor.from_pretrained(tmp_path)
    assert type(older).__name__ == "VideoMAEVideoProcessor"
    assert older.size == {"shortest_edge": 30}
    assert type(bestiary.AutoImageProcessor.from_pretrained(tmp_path)).__name__ == "VideoMAEImageProcessor"
    older.crop_size = {"height": 20, "width": 20}
    older.save_pretrained(tmp_path / "new")
    assert (tmp_path / "new" / "video_preprocessor_config.json").is_file()
    again = bestiary.AutoVideoProcessor.from_pretrained(tmp_path / "new")
    assert (type(again), again.to_dict()) == (type(older), older.to_dict())
    transformers.BertConfig().save_pretrained(tmp_path / "text")
    with pytest.raises(UnknownArchitecture, match="AutoVideoProcessor cannot open"):
        bestiary.AutoVideoProcessor.from_pretrained(tmp_path / "text")
