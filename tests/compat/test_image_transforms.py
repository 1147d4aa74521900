"""The published steps of image processors, beside `transformers.image_transforms`."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import image_transforms as theirs

from bestiary.compat import image_transforms as ours
from bestiary.core.errors import InputError

RNG = np.random.default_rng(1)
WHOLE = RNG.integers(0, 256, (3, 7, 10), dtype=np.uint8)
IMAGES = {
    "first": WHOLE,
    "last": WHOLE.transpose(1, 2, 0),
    "unit": (WHOLE / 255).astype(np.float32),
    "double": WHOLE.astype(np.float64),
    "grey": WHOLE[:1],
    "wide": RNG.integers(0, 256, (3, 5, 40), dtype=np.uint8),
}
PLACES = (None, "channels_first", "channels_last")


def answer(call: Callable[[], Any]) -> Any:
    """The value, or that it is refused."""
    try:
        return call()
    except (ValueError, TypeError, KeyError):
        return "refused"


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, PIL.Image.Image | np.ndarray | torch.Tensor):
        a, b = np.asarray(one), np.asarray(other)
        return (
            type(one) is type(other) and a.dtype == b.dtype and a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-6)
        )
    return bool(one == other)


def both(name: str, *arguments: Any, **options: Any) -> None:
    one, other = (answer(lambda module=module: getattr(module, name)(*arguments, **options)) for module in (ours, theirs))
    assert same(one, other), (name, arguments[1:], options, one, other)


@pytest.mark.parametrize("kind", IMAGES)
def test_arithmetic(kind: str) -> None:
    image = IMAGES[kind]
    channels = min(image.shape[0], image.shape[-1])
    for place in PLACES:
        both("rescale", image, 1 / 255, data_format=place)
        both("flip_channel_order", image, data_format=place)
        both("normalize", image, 0.5, 2.0, data_format=place)
        both("normalize", image, [0.1, 0.2, 0.3][:channels], [0.5, 0.6, 0.7][:channels], data_format=place)
        both("normalize", image, [0.1, 0.2], [0.5, 0.6], data_format=place)
        if place:
            both("to_channel_dimension_format", image, place)
            both("to_channel_dimension_format", torch.from_numpy(image.copy()), place)
            both("to_channel_dimension_format", image[None], place)
    both("rescale", image, 2, dtype=np.float64)
    both("rescale", PIL.Image.fromarray(IMAGES["last"]), 2)


@pytest.mark.parametrize("kind", IMAGES)
def test_resizing(kind: str) -> None:
    image = IMAGES[kind]
    for size, resample, place in itertools.product([(5, 4), (14, 20)], (None, 0, 2, 3), PLACES):
        both("resize", image, size, resample=resample, data_format=place)
    both("resize", image, (5, 4), return_numpy=False)
    both("resize", image, (5, 4, 3))


@pytest.mark.parametrize("kind", IMAGES)
def test_cutting_and_filling(kind: str) -> None:
    image = IMAGES[kind]
    for size, place in itertools.product([(3, 4), (4, 3), (9, 4), (3, 13), (12, 15), (11, 14)], PLACES):
        both("center_crop", image, size, data_format=place)
    for padding, place in itertools.product([2, (1,), (1, 2), ((1, 2), (3, 0))], PLACES):
        for mode in theirs.PaddingMode:
            one, other = (
                module.pad(image, padding, module.PaddingMode(mode.value), data_format=place) for module in (ours, theirs)
            )
            assert same(one, other)
        both("pad", image, padding, constant_values=7, data_format=place)
    both("pad", image, 1, constant_values=(1, 2))
    both("pad", image, "x")


@pytest.mark.parametrize("kind", IMAGES)
def test_images_of_pillow(kind: str) -> None:
    image = IMAGES[kind]
    for rescaled in (None, True, False):
        if not (rescaled and kind in ("double",)):
            both("to_pil_image", image, do_rescale=rescaled)
    both("to_pil_image", torch.from_numpy(image.copy()))
    both("to_pil_image", image.astype(float) - 300)
    both("to_pil_image", image / 100)


def test_where_ours_does_more() -> None:
    """The published functions end in errors of attributes and of Pillow here."""
    image = PIL.Image.fromarray(IMAGES["last"])
    assert same(ours.resize(image, (5, 4)), ours.resize(IMAGES["last"], (5, 4)))
    assert ours.to_pil_image(WHOLE, image_mode="L").tobytes() == image.convert("L").tobytes()
    assert ours.to_pil_image(image) is image


def test_colours() -> None:
    clear = PIL.Image.fromarray(RNG.integers(0, 256, (4, 5, 4), dtype=np.uint8))
    for image in (clear, clear.convert("RGB"), clear.convert("L"), clear.convert("RGB").convert("P"), clear.convert("LA")):
        both("convert_to_rgb", image)
        both("convert_to_rgb", image, return_numpy=True)
    both("convert_to_rgb", WHOLE, return_numpy=True)
    both("convert_to_rgb", IMAGES["last"])
    both(
        "convert_to_rgb", np.array([[[1, 0, 0.5, 0.5]]], dtype=np.float32), return_numpy=True, input_data_format="channels_last"
    )
    numbers = RNG.integers(0, 2**24, (4, 5))
    both("id_to_rgb", numbers)
    both("id_to_rgb", 70000)
    both("rgb_to_id", theirs.id_to_rgb(numbers))
    both("rgb_to_id", [1, 2, 3])


@pytest.mark.parametrize("colours", [[1, 2, 3, 128], [1, 0.2, 0.3, -0.5], [1, 0.2, 0.3, 1.01]], ids=str)
@pytest.mark.parametrize("first", [True, False])
def test_floats_with_alpha_reach_from_0_to_1(colours: list[float], first: bool) -> None:
    image = np.array(colours, dtype=np.float32).reshape((4, 1, 1) if first else (1, 1, 4))
    for library in (ours, theirs):
        with pytest.raises(ValueError, match="0"):
            library.convert_to_rgb(image, return_numpy=True, input_data_format="channels_first" if first else "channels_last")


@pytest.mark.parametrize("size", [(4, 9), [6], 6, 12, (1, 2, 3)], ids=str)
def test_sizes(size: Any) -> None:
    for kind, square, limit in itertools.product(IMAGES, (True, False), (None, 8, 15, 3)):
        both("get_resize_output_image_size", IMAGES[kind], size, default_to_square=square, max_size=limit)
    if isinstance(size, int):
        for shape, limit in itertools.product([(480, 640), (37, 91), (91, 37), (6, 40)], (None, 8, 15, 600)):
            both("get_size_with_aspect_ratio", shape, size, limit)


def test_boxes() -> None:
    boxes = RNG.random((5, 4)).astype(np.float32)
    for name in ("center_to_corners_format", "corners_to_center_format"):
        both(name, boxes)
        both(name, torch.from_numpy(boxes))
        both(name, boxes.tolist())
        for shape in ((2, 3), (2, 5), (0,)):
            for module, box in itertools.product((ours, theirs), (np.ones(shape), torch.ones(shape))):
                with pytest.raises(ValueError, match="."):
                    getattr(module, name)(box)
        with pytest.raises(InputError, match=r"four numbers each, \(\.\.\., 4\); found the shape \(2, 5\)"):
            getattr(ours, name)(torch.ones(2, 5))


def test_pieces() -> None:
    both("divide_to_patches", WHOLE, 4)
    both("divide_to_patches", WHOLE, (3, 5))
    both("divide_to_patches", torch.from_numpy(WHOLE), 4)
    both("split_to_tiles", torch.randn(2, 3, 4, 6), 2, 3)
    for axis in (None, 0, 1):
        both("safe_squeeze", np.zeros((1, 2, 1)), axis)


@pytest.mark.parametrize("disabled", [True, False, None])
@pytest.mark.parametrize("nested", [True, False])
def test_groups(disabled: bool | None, nested: bool) -> None:
    flat = [torch.full((3, height, 4), float(index)) for index, height in enumerate((4, 5, 4, 6, 5))]
    names = list("abcde")
    images: Any = [flat[:2], [], flat[2:]] if nested else flat
    paired: Any = [names[:2], [], names[2:]] if nested else names
    answers = [
        module.group_images_by_shape(images, paired, disable_grouping=disabled, is_nested=nested) for module in (ours, theirs)
    ]
    assert same(*answers)
    grouped, _, index = answers[0]
    assert same(ours.reorder_images(grouped, index, nested), theirs.reorder_images(grouped, dict(index), nested))
    assert same(ours.reorder_images(grouped, index, nested), images)
