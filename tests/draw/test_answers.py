"""What pipelines say of pictures, drawn: colours and places of pixels, and what has no meaning is refused."""

import numpy as np
import pytest
from PIL import Image

from bestiary.core.errors import InputError
from bestiary.draw import draw_boxes, draw_depth, draw_labels, draw_masks, draw_matches
from bestiary.draw.palette import COLOURS, colour, heights


def grey(width=120, height=80, mode="RGB"):
    return Image.new(mode, (width, height), (100, 100, 100) if mode == "RGB" else 100)


def box(xmin, ymin, xmax, ymax, label="cat", score=0.5):
    return {"label": label, "score": score, "box": {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}}


def pixels(image):
    return np.asarray(image)


def test_a_box_has_its_label_s_colour_at_its_edges_and_leaves_the_rest():
    image = grey()
    drawn = pixels(draw_boxes(image, [box(20, 40, 60, 70), box(70, 40, 110, 70, "dog"), box(30, 50, 40, 60)]))
    assert drawn.shape == (80, 120, 3)
    assert tuple(drawn[69, 20]) == tuple(drawn[55, 30]) == colour(0)  # both cats
    assert tuple(drawn[69, 110]) == colour(1)
    assert tuple(drawn[65, 50]) == (100, 100, 100)
    assert (pixels(image) == 100).all()  # the picture that was passed is another


@pytest.mark.parametrize("corners", [(-500, -500, 500, 500), (60, 70, 20, 40), (0, 0, 0, 0), (119, 79, 300, 300)])
def test_boxes_beyond_the_picture_or_turned_round_are_drawn(corners):
    assert draw_boxes(grey(), [box(*corners)]).size == (120, 80)


def test_a_mask_is_a_veil_with_a_hard_edge_and_a_legend_below():
    mask = np.zeros((80, 120), np.uint8)
    mask[10:30, 10:30] = 255
    segments = [{"label": "sky", "score": None, "mask": Image.fromarray(mask)}, {"mask": mask.T.copy().T[::-1]}]
    drawn = pixels(draw_masks(grey(), segments, strength=0.5))
    assert tuple(drawn[10, 10]) == colour(0)
    assert tuple(drawn[20, 20]) == tuple(np.rint((np.array(colour(0)) + 100) / 2).astype(int))
    assert tuple(drawn[60, 20]) == tuple(np.rint((np.array(colour(1)) + 100) / 2).astype(int))
    assert tuple(drawn[50, 100]) == (100, 100, 100)
    assert drawn.shape[0] > 80
    assert colour(1) in {tuple(pixel) for pixel in drawn[80:].reshape(-1, 3)}
    for strength, inside in ((0.0, (100, 100, 100)), (1.0, colour(0))):
        assert tuple(pixels(draw_masks(grey(), segments[:1], strength))[20, 20]) == inside


def test_depth_runs_from_dark_to_bright_and_what_is_not_finite_is_black():
    depth = np.linspace(1, 5, 200).reshape(10, 20)
    depth[0, 0] = np.nan
    drawn = pixels(draw_depth(depth)).astype(int)
    assert tuple(drawn[0, 0]) == (0, 0, 0)
    assert tuple(drawn[9, 19]) == (253, 231, 37)
    brightness = drawn[:10, :20].sum(-1).ravel()[1:]
    assert brightness[0] < brightness[90] < brightness[-1]
    assert pixels(draw_depth(np.full((4, 4), 7.0)))[0, 0].tolist() == heights(np.array(0.0)).tolist()


def test_lines_join_points_that_match():
    match = {"keypoint_image_0": {"x": 10, "y": 40}, "keypoint_image_1": {"x": 30, "y": 40}, "score": 1.0}
    drawn = draw_matches(grey(), grey(60, 90), [match])
    assert drawn.size == (180, 90)
    assert drawn.getpixel((100, 40)) == (253, 231, 37)
    assert drawn.getpixel((100, 20)) == (100, 100, 100)


def test_labels_stand_below_with_bars_as_long_as_their_scores():
    drawn = pixels(draw_labels(grey(), [{"label": "tiger", "score": 1.0}, {"label": "cat", "score": 0.0}]))
    assert (drawn[:80, :120] == 100).all()
    assert drawn[82, -1].tolist() != [255, 255, 255]
    assert drawn[-3, -1].tolist() == [255, 255, 255]


def test_transparent_and_grey_pictures_become_rgb():
    clear = Image.new("RGBA", (50, 40), (0, 0, 0, 0))
    assert draw_boxes(clear, []).getpixel((5, 5)) == (255, 255, 255)
    assert draw_boxes(grey(mode="L"), []).mode == "RGB"


def test_colours_repeat_and_differ():
    assert len(set(COLOURS)) == 7
    assert colour(7) == colour(0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: draw_boxes("cat.png", []), "expected a Pillow image, found str"),
        (lambda: draw_boxes(Image.new("RGB", (0, 5)), []), "0 x 5 pixels"),
        (lambda: draw_masks(grey(), [{"mask": np.ones((8, 9))}]), r"mask 0 has the shape \(8, 9\); expected .*\(80, 120\)"),
        (lambda: draw_masks(grey(), [], strength=2), "strength is 2"),
        (lambda: draw_depth(np.ones(5)), r"shape \(5,\)"),
        (lambda: draw_depth(np.full((2, 2), np.inf)), "finite numbers"),
    ],
)
def test_what_cannot_be_drawn_is_told(call, said):
    with pytest.raises(InputError, match=said):
        call()
