"""ViTMatte: images with their trimaps as published ones, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kit.families import cases
from PIL import Image

import bestiary
from bestiary.core.errors import ConfigError, InputError

RNG = np.random.default_rng(0)
PICTURES = [Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in ((40, 33), (32, 64))]
TRIMAPS = [Image.fromarray(RNG.choice(np.array([0, 128, 255], np.uint8), each.size[::-1])) for each in PICTURES]


@pytest.mark.parametrize(
    "options", [{}, {"size_divisor": 24}, {"do_pad": False}, {"do_rescale": False}, {"do_normalize": False}]
)
def test_pixels(options: dict[str, Any]) -> None:
    ours, published = bestiary.VitMatteImageProcessor(), transformers.VitMatteImageProcessorPil()
    found = ours(PICTURES, TRIMAPS, **options)["pixel_values"]
    for image, trimap, each in zip(PICTURES, TRIMAPS, found, strict=True):
        np.testing.assert_allclose(each, published(image, trimap, **options)["pixel_values"][0], atol=1e-5, rtol=0)


def test_forms_of_trimaps() -> None:
    processor = bestiary.VitMatteImageProcessor()
    expected = processor(PICTURES[0], TRIMAPS[0], return_tensors="pt").pixel_values
    array = np.array(TRIMAPS[0])
    for trimap in (array, array[..., None], torch.from_numpy(array)):
        assert torch.equal(processor(PICTURES[0], trimap, return_tensors="pt").pixel_values, expected)
    last = processor(PICTURES[0], TRIMAPS[0], return_tensors="pt", data_format="channels_last").pixel_values
    assert torch.equal(last.permute(0, 3, 1, 2), expected)
    with pytest.raises(InputError, match="1 trimaps for 2 images"):
        processor(PICTURES, TRIMAPS[:1])
    with pytest.raises(InputError, match="trimap 0 has 32 x 64 places"):
        processor(PICTURES[0], TRIMAPS[1])
    with pytest.raises(InputError, match="one number for each place"):
        processor(PICTURES[0], PICTURES[0])


def test_what_is_refused() -> None:
    config = cases()["vitmatte"].config
    model = bestiary.VitMatteForImageMatting(bestiary.VitMatteConfig(**config))
    pixels = torch.randn(1, 4, 16, 16)
    with pytest.raises(InputError, match="no loss of its own"):
        model(pixels, labels=torch.rand(1, 1, 16, 16))
    shallow = {"convstream_hidden_sizes": [6], "fusion_hidden_sizes": [4, 4]}
    with pytest.raises(InputError, match="which are doubled 2 times"):
        bestiary.VitMatteForImageMatting(bestiary.VitMatteConfig(**{**config, **shallow}))(pixels)
    with pytest.raises(ConfigError, match="one more"):
        bestiary.VitMatteConfig(**{**config, "fusion_hidden_sizes": [4, 4]})
