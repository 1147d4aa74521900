"""Swin2SR: images that windows do not fill, learned positions, what is refused, the mirror of its image processor."""

import numpy as np
import pytest
import torch
import transformers

import bestiary
from bestiary.core.errors import ConfigError, InputError

SIZES = {"image_size": 8, "embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": 4}


def test_images_of_any_size() -> None:
    """The published model takes whole windows only; mirrored by hand up to these, it gives the same."""
    published = transformers.Swin2SRForImageSuperResolution(transformers.Swin2SRConfig(**SIZES)).eval()
    model = bestiary.Swin2SRForImageSuperResolution(bestiary.Swin2SRConfig(**SIZES)).eval()
    model.load_state_dict(published.state_dict())
    pixels = torch.rand(2, 3, 7, 10)
    with torch.no_grad():
        found = model(pixels).reconstruction
        expected = published(torch.nn.functional.pad(pixels, (0, 2, 0, 1), "reflect")).reconstruction
    torch.testing.assert_close(found, expected[:, :, :14, :20], rtol=1e-5, atol=1e-5)
    with pytest.raises(InputError, match="2 x 8 pixels cannot be mirrored"):
        model(pixels[:, :, :2, :8])
    with pytest.raises(InputError, match="no loss of its own"):
        model(pixels, pixels)


def test_learned_positions() -> None:
    """The published model adds a table with one more position than there are places, and fails."""
    model = bestiary.Swin2SRModel(bestiary.Swin2SRConfig(**SIZES, use_absolute_embeddings=True)).eval()
    without = bestiary.Swin2SRModel(bestiary.Swin2SRConfig(**SIZES)).eval()
    without.load_state_dict(model.state_dict(), strict=False)
    pixels = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(model(pixels)[0], without(pixels)[0])
        model.embeddings.position_embeddings[0, 0] = 9.0
        torch.testing.assert_close(model(pixels)[0], without(pixels)[0])
        model.embeddings.position_embeddings[0, 1:] = torch.randn(64, 8)
        assert (model(pixels)[0] - without(pixels)[0]).abs().max() > 1e-3
        assert model(torch.rand(1, 3, 12, 8))[0].shape == (1, 8, 12, 8)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"patch_size": 2}, "patch_size is 2"),
        ({"upsampler": "nearest+conv"}, "enlarges 4 times"),
        ({"upscale": 6}, "3 times, or by a power of 2"),
        ({"num_heads": [3]}, "which 3 heads"),
    ],
)
def test_what_is_refused(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bestiary.Swin2SRConfig(**{**SIZES, **values})


@pytest.mark.parametrize("options", [{"size_divisor": 16}, {"do_pad": False}, {"do_rescale": False}])
def test_the_mirror(options: dict) -> None:
    image = np.random.default_rng(0).integers(0, 256, (13, 32, 3), dtype=np.uint8)
    found = bestiary.Swin2SRImageProcessor()(image, return_tensors="np", **options).pixel_values
    expected = transformers.Swin2SRImageProcessorPil()(image, return_tensors="np", **options).pixel_values
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)


def test_the_older_name_of_the_divisor() -> None:
    processor = bestiary.Swin2SRImageProcessor.from_dict({"do_pad": True, "pad_size": 16, "do_rescale": True})
    assert (processor.size_divisor, processor.pad_size) == (16, None)
    image = np.zeros((13, 32, 3), np.uint8)
    assert processor(image).pixel_values[0].shape == (3, 16, 48)
    assert processor(image, pad_size={"height": 20, "width": 40}).pixel_values[0].shape == (3, 20, 40)
