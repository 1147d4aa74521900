"""Films from files: the frames that are wanted, by what is known of the film; what is none is refused in words."""

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from kit.films import write_film
from PIL import Image
from transformers.video_utils import VideoMetadata as PublishedMetadata
from transformers.video_utils import default_sample_indices_fn as published_choice
from transformers.video_utils import load_video as published_load

from bestiary.core.errors import ArgumentError, BestiaryError, CorruptFile, FileMissing, InputError
from bestiary.preprocess.video import reading
from bestiary.preprocess.video.metadata import VideoMetadata
from bestiary.preprocess.video.reading import load_video
from bestiary.preprocess.video.sampling import default_sample_indices_fn

ROWS = [{}, {"num_frames": 7}, {"fps": 3}, {"num_frames": 1}]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4")


@pytest.mark.parametrize("options", ROWS)
def test_frames_and_facts_are_the_published_ones(film: Path, options: dict[str, Any]) -> None:
    expected, facts = published_load(str(film), **options)
    found, metadata = load_video(film, **options)
    assert np.array_equal(found, expected)
    assert metadata.frames_indices == list(facts.frames_indices)
    names = ("total_num_frames", "fps", "width", "height", "duration", "video_backend")
    assert [metadata[name] for name in names] == [facts[name] for name in names]


@pytest.mark.parametrize("ending", ["mkv", "webm", "avi"])
def test_frames_of_other_containers(tmp_path: Path, ending: str) -> None:
    """Some do not say how many frames there are, where the published reader gives up; any order is answered."""
    path = write_film(tmp_path / f"film.{ending}", codec={"mkv": "libx264", "webm": "libvpx", "avi": "mpeg4"}[ending])
    with av.open(str(path)) as container:
        every = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    found, metadata = load_video(path)
    assert np.array_equal(found, every)
    assert metadata.total_num_frames == len(every) == 30
    found, metadata = load_video(path, sample_indices_fn=lambda metadata, **others: [20, 3, 3, 29])
    assert np.array_equal(found, every[[20, 3, 3, 29]])


def test_only_what_is_wanted_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the key frame before a wanted frame on; nothing else is kept."""
    path = write_film(tmp_path / "film.mp4", frames=120, gop=10)
    decoded, made = [], reading._decoded

    class Counting:
        def __init__(self, container: Any) -> None:
            self._container = container

        def __getattr__(self, name: str) -> Any:
            return getattr(self._container, name)

        def decode(self, stream: Any) -> Any:
            for frame in self._container.decode(stream):
                decoded.append(frame.pts)
                yield frame

    monkeypatch.setattr(reading, "_decoded", lambda container, *others: made(Counting(container), *others))
    found, _ = load_video(path, sample_indices_fn=lambda metadata, **others: [5, 100])
    assert len(found) == 2
    assert len(decoded) <= 20


def test_a_film_in_memory_and_frames(film: Path) -> None:
    expected = load_video(film, num_frames=4)[0]
    assert np.array_equal(load_video(film.read_bytes(), num_frames=4)[0], expected)
    pictures = [Image.fromarray(frame) for frame in expected]
    for frames in (expected, list(expected), pictures, torch.from_numpy(expected), expected.transpose(0, 3, 1, 2)):
        found, metadata = load_video(frames, num_frames=2)
        assert np.array_equal(found, expected[[0, 2]])
        assert metadata.total_num_frames == 4
        assert metadata.frames_indices == [0, 2]


def test_which_frames() -> None:
    for total in (1, 2, 7, 30, 301):
        for options in [{"num_frames": count} for count in (1, 2, 5, total)] + [{"fps": 2}, {"fps": 4.5}, {}]:
            theirs, ours = (kind(total_num_frames=total, fps=10.0) for kind in (PublishedMetadata, VideoMetadata))
            try:
                expected = published_choice(theirs, **options)
            except ValueError:
                with pytest.raises(InputError, match="frames of the film are asked for"):
                    default_sample_indices_fn(ours, **options)
                continue
            if int(total / 10 * options.get("fps", 10)) == 0:  # the published one takes all frames of so short a film
                expected = expected[:1]
            assert default_sample_indices_fn(ours, **options).tolist() == expected.tolist()


def test_what_is_known_of_a_film() -> None:
    values = {"total_num_frames": 10, "fps": 5.0, "frames_indices": [0, 3, 6]}
    ours, theirs = VideoMetadata(**values), PublishedMetadata(**values)
    assert dict(ours) == dict(theirs)
    assert (ours.timestamps, ours.sampled_fps, len(ours)) == (theirs.timestamps, theirs.sampled_fps, len(theirs))
    ours.update({"fps": 2.0, "other": 1})
    assert ours["fps"] == 2.0
    with pytest.raises(InputError, match="follow from fps and frames_indices"):
        _ = VideoMetadata(3).timestamps
    with pytest.raises(KeyError, match="not 'colour'"):
        ours["colour"]


def wrong_films(folder: Path, film: Path) -> dict[str, tuple[Any, type[BestiaryError], str]]:
    content = film.read_bytes()
    broken, playlist, sound = folder / "broken.mp4", folder / "list.m3u8", folder / "sound.wav"
    broken.write_bytes(content[: len(content) // 2])
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n")
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    return {
        "cut short": (broken, CorruptFile, "is no film that can be decoded, or is damaged"),
        "text": (b"no film" * 99, CorruptFile, "is no film"),
        "empty": (b"", CorruptFile, "is no film"),
        "a playlist, which names other files": (playlist, CorruptFile, "is no film"),
        "sound": (sound, InputError, r"holds no pictures \(audio\)"),
        "absent": (folder / "absent.mp4", FileMissing, "there is no film"),
        "neither": ("absent.mp4", InputError, "neither an existing video file nor base64"),
        "a number": (3, InputError, "a film is a list of frames"),
        "no frames": ([], InputError, "a film without frames"),
        "an empty array": (np.zeros((0, 4, 4, 3), np.uint8), InputError, "a film without frames"),
        "no pixels": (np.zeros((2, 0, 4, 3), np.uint8), InputError, "has no pixels"),
        "two sizes": ([np.zeros((6, 6, 3)), np.zeros((6, 7, 3))], InputError, "frame 1 .* is 6 x 7 x 3 and frame 0 6 x 6"),
    }


def test_what_is_no_film(film: Path, tmp_path: Path) -> None:
    for source, kind, message in wrong_films(tmp_path, film).values():
        with pytest.raises(kind, match=message):
            load_video(source)


def test_options_that_make_no_sense(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="31 frames of the film are asked for and it has 30"):
        load_video(film, num_frames=31)
    with pytest.raises(ArgumentError, match="num_frames is 0"):
        load_video(film, num_frames=0)
    with pytest.raises(ArgumentError, match="backend is 'other'"):
        load_video(film, backend="other")
    with pytest.raises(InputError, match=r"frames \[30\] are asked for of a film of 30"):
        load_video(film, sample_indices_fn=lambda **others: [30])
    with pytest.raises(InputError, match="how many frames a second the film has is not known"):
        load_video(np.zeros((4, 8, 8, 3), np.uint8), fps=2)
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    with pytest.raises(InputError, match="take fewer by num_frames"):
        load_video(film)
