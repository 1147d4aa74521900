"""Sizes and the older mixin of `transformers.image_processing_utils` and `image_utils`, beside the published ones."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import image_processing_utils as theirs
from transformers.image_utils import ImageFeatureExtractionMixin

from bestiary.compat import image_processors as ours

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 255, (12, 10, 3)).astype(np.uint8)
FLOATS = RNG.random((3, 8, 10)).astype(np.float32)
IMAGES = {"pillow": PIL.Image.fromarray(PHOTO), "rows": PHOTO, "planes": FLOATS, "tensor": torch.from_numpy(FLOATS)}
SIZES: list[Any] = [5, (3, 4), [3, 4], {"height": 2, "width": 3}, {"shortest_edge": 4}, {"depth": 3}, None, "a"]


def answer(call: Callable[[], Any]) -> Any:
    """The value, or that it is refused."""
    try:
        return call()
    except (ValueError, TypeError, AttributeError):
        return "refused"


@pytest.mark.parametrize("options", [{}, {"default_to_square": False}, {"max_size": 9}, {"height_width_order": False}], ids=str)
@pytest.mark.parametrize("is_limited", [False, True])
def test_sizes(options: dict[str, Any], is_limited: bool) -> None:
    options = {**options, **({"max_size": 9, "default_to_square": False} if is_limited else {})}
    for size in SIZES:
        one, other = (answer(partial(module.get_size_dict, size, **options)) for module in (ours, theirs))
        assert one == other
        assert ours.is_valid_size_dict(size) == theirs.is_valid_size_dict(size)


def test_resolutions() -> None:
    for _ in range(50):
        image = tuple(RNG.integers(5, 900, 2).tolist())
        choices = [tuple(each) for each in RNG.integers(100, 900, (6, 2)).tolist()]
        assert ours.select_best_resolution(image, choices) == theirs.select_best_resolution(image, choices)
        pixels = np.empty((*image, 3), np.uint8)
        sizes = [module.get_patch_output_size(pixels, choices[0], "channels_last") for module in (ours, theirs)]
        assert sizes[0] == sizes[1]


STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "to_pil_image": lambda mixin, image: np.asarray(mixin.to_pil_image(image)),
    "convert_rgb": lambda mixin, image: np.asarray(mixin.convert_rgb(image)),
    "to_numpy_array": lambda mixin, image: mixin.to_numpy_array(image),
    "rescaled": lambda mixin, image: mixin.to_numpy_array(image, rescale=True, channel_first=False),
    "expand_dims": lambda mixin, image: np.asarray(mixin.expand_dims(image)),
    "normalize": lambda mixin, image: np.asarray(mixin.normalize(image, [0.1, 0.2, 0.3], [2.0, 3.0, 4.0], rescale=True)),
    "resize": lambda mixin, image: np.asarray(mixin.resize(image, (7, 5))),
    "squeeze": lambda mixin, image: np.asarray(mixin.resize(image, 6)),
    "shortest": lambda mixin, image: np.asarray(mixin.resize(image, 6, default_to_square=False, max_size=7)),
    "same": lambda mixin, image: np.asarray(mixin.resize(image, [8], default_to_square=False)),
    "crop": lambda mixin, image: np.asarray(mixin.center_crop(image, (4, 6))),
    "widen": lambda mixin, image: np.asarray(mixin.center_crop(image, 14)),
    "flip": lambda mixin, image: np.asarray(mixin.flip_channel_order(image)),
    "rotate": lambda mixin, image: np.asarray(mixin.rotate(image, 30)),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", IMAGES)
def test_older_mixin(step: str, kind: str) -> None:
    image = IMAGES[kind]
    mixins = (ours.ImageFeatureExtractionMixin(), ImageFeatureExtractionMixin())
    one, other = (answer(partial(STEPS[step], mixin, image)) for mixin in mixins)
    if isinstance(other, str):
        pytest.skip("the published one fails")
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_an_odd_remainder_is_filled_up() -> None:
    """The published one makes 14 x 14 of it."""
    assert ours.ImageFeatureExtractionMixin().center_crop(FLOATS, 15).shape == (3, 15, 15)


def test_no_image() -> None:
    for step in STEPS.values():
        with pytest.raises(ValueError, match="found str"):
            step(ours.ImageFeatureExtractionMixin(), "a")
