"""Pixels do not depend on how they are made: in threads or not, scaled as Pillow images or as arrays, by tables or numbers."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from bestiary import CLIPImageProcessor, ViTImageProcessor
from bestiary.core.errors import InputError
from bestiary.preprocess.image import threads


class Doubled(ViTImageProcessor):
    """A processor with a step of its own."""

    def rescale(self, image: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
        return 2 * super().rescale(image, *args, **kwargs)


def pictures(count: int) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 255, (30 + each, 41, 3), dtype=np.uint8)) for each in range(count)]


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 3)


@pytest.mark.parametrize("kind", [ViTImageProcessor, CLIPImageProcessor, Doubled])
@pytest.mark.parametrize("options", [{}, {"do_rescale": False}, {"do_normalize": False}, {"do_resize": False}])
def test_pixels_are_the_same(kind: Any, options: dict[str, Any], three_cores: None) -> None:
    processor, given = kind(), pictures(9)
    if options.get("do_resize") is False:
        given = [each.crop((0, 0, 30, 30)) for each in given]
    together = processor(given, **options)["pixel_values"]
    for picture, pixels in zip(given, together, strict=True):
        levels = np.asarray(picture)
        for form in (picture, levels):
            assert np.array_equal(processor(form, **options)["pixel_values"][0], pixels)
        floats = processor(levels.astype(np.float32), **options)["pixel_values"][0]  # not by tables of levels
        np.testing.assert_allclose(floats, pixels, atol=1e-5)


def test_a_step_of_a_subclass_is_taken() -> None:
    plain, doubled = (kind(do_normalize=False)(pictures(1))["pixel_values"][0] for kind in (ViTImageProcessor, Doubled))
    assert np.array_equal(doubled, 2 * plain)


def test_the_first_error_is_told(three_cores: None) -> None:
    images: list[Any] = [np.zeros((5, 7, 3), np.uint8) for _ in range(9)]
    images[3], images[7] = np.full((5, 7, 3), np.nan), "no such file.png"
    with pytest.raises(InputError, match="image 3"):
        ViTImageProcessor()(images)
