"""The pipeline of points that two pictures share, beside the reference's."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from kit.families import cases, spread
from kit.pipelines import ours, reference, same
from PIL import Image

from bestiary.core.errors import InputError

PICTURES = [
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40 + seed, 40 + seed, 3), dtype=np.uint8))
    for seed in range(4)
]
PAIRS = [PICTURES[:2], PICTURES[2:], (PICTURES[1], PICTURES[2])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LightGlue with random weights, and its processor for small pictures."""
    path = tmp_path_factory.mktemp("lightglue")
    torch.default_generator.manual_seed(0)
    config = transformers.LightGlueConfig(**cases()["lightglue"].config)
    model = transformers.LightGlueForKeypointMatching(config)
    spread(model)
    model.save_pretrained(path)
    transformers.LightGlueImageProcessorPil(size={"height": 24, "width": 32}).save_pretrained(path)
    return path


def test_matches_as_published(folder: Path) -> None:
    mine, published = ours("keypoint-matching", folder), reference("keypoint-matching", folder)
    pairs = [list(pair) for pair in PAIRS]
    scores = sorted(match["score"] for answer in published(pairs) for match in answer)
    assert len(scores) > 1
    for threshold in (0.0, scores[0]):
        expected = published(pairs, threshold=threshold)
        for options in ({}, {"batch_size": 3}):
            same(mine(PAIRS, threshold=threshold, **options), expected)
        same(mine(PICTURES[:2], threshold=threshold), expected[0])
        same(mine([np.asarray(each) for each in PICTURES[:2]], threshold=threshold), expected[0])
        same(list(mine(iter(PAIRS), threshold=threshold)), expected)


def test_what_is_no_pair(folder: Path) -> None:
    for wrong in (PICTURES[0], PICTURES[:3], [PAIRS[0], PICTURES[:1]]):
        with pytest.raises(InputError, match="expected a pair of pictures"):
            ours("keypoint-matching", folder)(wrong)


def test_points_lie_in_pixels_of_their_own_picture(folder: Path) -> None:
    """The published pipeline takes width for height."""
    mine = ours("keypoint-matching", folder)
    wide, high = PICTURES[0].resize((90, 30)), PICTURES[1].resize((20, 70))
    outputs = mine.model(**mine.image_processor([wide, high], return_tensors="pt"))
    [expected] = mine.image_processor.post_process_keypoint_matching(outputs, [[(30, 90), (70, 20)]])
    found = mine((wide, high))
    assert found
    assert sorted(match["keypoint_image_0"]["x"] for match in found) == sorted(expected["keypoints0"][:, 0].tolist())
    assert sorted(match["keypoint_image_1"]["y"] for match in found) == sorted(expected["keypoints1"][:, 1].tolist())
