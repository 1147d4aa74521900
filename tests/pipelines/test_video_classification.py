"""Labels of films, with a tiny model of each family that classifies them, in folders that the reference wrote."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kit.families import cases
from kit.films import write_film
from kit.pipelines import ours, same

import bestiary
from bestiary.core.errors import ArgumentError, InputError
from bestiary.preprocess.video.reading import load_video

SQUARE = {"height": 16, "width": 16}
# Family -> the published processor of its checkpoints, and its settings.
PROCESSORS: dict[str, Any] = {
    "timesformer": (transformers.VideoMAEImageProcessorPil, {"size": {"shortest_edge": 18}, "crop_size": SQUARE}),
    "videomae": (transformers.VideoMAEImageProcessorPil, {"size": {"shortest_edge": 18}, "crop_size": SQUARE}),
    "vivit": (transformers.VivitImageProcessor, {"size": {"shortest_edge": 18}, "crop_size": SQUARE}),
}


def written(model_type: str, folder: Path) -> Path:
    """A model of the family with random weights, and its processor."""
    case = cases()[model_type]
    name = next(head for head in case.heads if head.endswith("ForVideoClassification"))
    torch.default_generator.manual_seed(0)
    getattr(transformers, name)(getattr(transformers, case.config_class)(**case.config)).save_pretrained(folder)
    kind, settings = PROCESSORS[model_type]
    kind(**settings).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("films")
    return [str(write_film(folder / "short.mp4")), str(write_film(folder / "wide.mp4", size=(24, 64)))]


@pytest.mark.parametrize("model_type", PROCESSORS)
def test_labels(model_type: str, films: list[str], tmp_path: Path) -> None:
    folder = written(model_type, tmp_path)
    mine = ours("video-classification", folder)
    published = transformers.pipeline(
        "video-classification", model=str(folder), image_processor=PROCESSORS[model_type][0].from_pretrained(folder)
    )
    for options in ({}, {"top_k": 1, "function_to_apply": "sigmoid"}, {"frame_sampling_rate": 3}):
        same(mine(films, **options), published(films, **options))
    same(mine(videos=films[0]), published(films[0]))


def test_labels_by_a_video_processor(films: list[str], tmp_path: Path) -> None:
    """The published one needs torchvision: the model gets frames that the published image processor made."""
    case = cases()["vjepa2"]
    torch.default_generator.manual_seed(0)
    published = transformers.VJEPA2ForVideoClassification(transformers.VJEPA2Config(**case.config)).eval()
    published.save_pretrained(tmp_path)
    sizes = {"size": {"shortest_edge": 18}, "crop_size": SQUARE}
    bestiary.VJEPA2VideoProcessor(**sizes).save_pretrained(tmp_path)
    means = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    frames = [list(load_video(film, sample_indices_fn=lambda **known: range(4))[0]) for film in films]
    pixels = transformers.VideoMAEImageProcessorPil(**sizes, **means)(frames, return_tensors="pt").pixel_values
    with torch.no_grad():
        expected = published(pixel_values_videos=pixels).logits.softmax(-1)
    for answer, scores in zip(ours("video-classification", tmp_path)(films), expected, strict=True):
        found = {each["label"]: each["score"] for each in answer}
        assert [found[f"LABEL_{number}"] for number in range(3)] == pytest.approx(scores.tolist(), abs=1e-5)


def test_frames_in_place_of_files(films: list[str], tmp_path: Path) -> None:
    folder = written("videomae", tmp_path)
    mine = ours("video-classification", folder)
    frames, _ = load_video(films[0])
    expected = mine(films[0])
    same(mine([frames, list(frames)]), [expected, expected])
    with pytest.raises(InputError, match="4 frames, one of 9, are asked for, and the film has 30"):
        mine(films[0], frame_sampling_rate=9)
    with pytest.raises(InputError, match="4 frames, one of 1, are asked for, and the film has 3"):
        mine(np.zeros((3, 20, 20, 3), np.uint8))
    with pytest.raises(ArgumentError, match="num_frames is 0"):
        mine(films[0], num_frames=0)
