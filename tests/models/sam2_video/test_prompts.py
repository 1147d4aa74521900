"""Films and prompts of SAM 2's sessions, whose published processor needs torchvision: numbers by the formulas it follows."""

from typing import Any

import numpy as np
import pytest
import torch

import bestiary
from bestiary import InputError

FILM = np.random.default_rng(0).integers(0, 255, (3, 40, 51, 3), dtype=np.uint8)
EDGE = {"height": 32, "width": 32}


def processor() -> Any:
    images, films = bestiary.Sam2ImageProcessor(size=EDGE), bestiary.Sam2VideoVideoProcessor(size=EDGE)
    return bestiary.Sam2VideoProcessor(images, films)


def test_a_film_becomes_a_session() -> None:
    session = processor().init_video_session(FILM)
    assert (session.num_frames, session.video_height, session.video_width) == (3, 40, 51)
    expected = processor().image_processor(list(FILM), return_tensors="pt")["pixel_values"]
    for frame in range(3):
        torch.testing.assert_close(session.get_frame(frame), expected[frame])
    made = processor().video_processor(FILM, return_tensors="pt")
    assert (made["original_sizes"].tolist(), made["reshaped_input_sizes"].tolist()) == ([[40, 51]], [[32, 32]])
    half = processor().init_video_session(FILM, dtype=torch.bfloat16, max_vision_features_cache_size=4)
    assert (half.get_frame(0).dtype, half.cache.max_vision_features_cache_size) == (torch.bfloat16, 4)
    assert processor().init_video_session().num_frames is None


def test_points_and_boxes_of_objects() -> None:
    session, add = processor().init_video_session(FILM), processor().add_inputs_to_inference_session
    add(
        session, 1, [7, 2], input_points=[[[[10, 20]], [[3, 4]]]], input_labels=[[[1], [0]]], input_boxes=[[[1, 2, 30, 20]] * 2]
    )
    assert (session.obj_ids, session.obj_with_new_inputs) == ([7, 2], [7, 2])
    given = session.point_inputs_per_obj[1][1]
    across, down = 32 / 51, 32 / 40
    expected = [[across, 2 * down], [30 * across, 20 * down], [3 * across, 4 * down]]
    torch.testing.assert_close(given["point_coords"], torch.tensor([[expected]]))
    assert given["point_labels"].tolist() == [[[2, 3, 0]]]
    add(session, 1, 2, input_points=[[[[5, 5]]]], input_labels=[[[1]]], clear_old_inputs=False)
    assert session.point_inputs_per_obj[1][1]["point_labels"].tolist() == [[[2, 3, 0, 1]]]
    add(session, 1, 2, input_points=[[[[5, 5]]]])
    assert session.point_inputs_per_obj[1][1]["point_labels"].tolist() == [[[1]]]
    assert session.obj_with_new_inputs == [2]


def test_masks_of_objects() -> None:
    session, add = processor().init_video_session(FILM), processor().add_inputs_to_inference_session
    add(session, 0, 1, input_points=[[[[5, 5]]]])
    mask = np.zeros((40, 51))
    mask[10:30, 5:25] = 1
    add(session, 0, [1, 2], input_masks=[mask, torch.ones(1, 1, 32, 32)])
    resized = torch.nn.functional.interpolate(torch.tensor(mask)[None, None].float(), (32, 32), mode="bilinear", antialias=True)
    assert torch.equal(session.mask_inputs_per_obj[0][0], (resized >= 0.5).float())
    assert torch.equal(session.mask_inputs_per_obj[1][0], torch.ones(1, 1, 32, 32))
    assert session.point_inputs_per_obj[0] == {}


def test_a_film_that_comes_frame_by_frame() -> None:
    session, add = processor().init_video_session(), processor().add_inputs_to_inference_session
    with pytest.raises(InputError, match="original_size"):
        add(session, 0, 1, input_points=[[[[5, 5]]]])
    add(session, 0, 1, input_points=[[[[5, 5]]]], original_size=(40, 51))
    assert (session.video_height, session.video_width) == (40, 51)


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ({}, "pass input_points or input_boxes"),
        ({"input_points": [[[[1, 2]], [[3, 4]]]]}, "of 2 objects"),
        ({"input_boxes": [[[1, 2, 3, 4]]], "clear_old_inputs": False}, "before all points"),
        ({"input_masks": np.ones((4, 4)), "input_points": [[[[1, 2]]]]}, "pass one kind"),
        ({"input_masks": np.ones((3, 4, 4))}, "one mask an object"),
        ({"obj_ids": [1, 1], "input_points": [[[[1, 2]], [[3, 4]]]]}, "each once"),
    ],
)
def test_prompts_that_do_not_fit_are_refused(prompts: dict[str, Any], said: str) -> None:
    session = processor().init_video_session(FILM)
    with pytest.raises(InputError, match=said):
        processor().add_inputs_to_inference_session(session, 0, **{"obj_ids": 1, **prompts})


def test_masks_of_padded_frames() -> None:
    masks = torch.randn(1, 3, 8, 8)
    [found] = processor().video_processor.post_process_masks([masks], [(40, 51)], [(25, 32)], binarize=False)
    large = torch.nn.functional.interpolate(masks, (32, 32), mode="bilinear")[..., :25, :]
    torch.testing.assert_close(found, torch.nn.functional.interpolate(large, (40, 51), mode="bilinear"))
