"""Points in pixels of images, from random answers of a model; images in grey."""

import numpy as np
import pytest
import torch
import transformers
from transformers.models.superpoint.modeling_superpoint import SuperPointKeypointDescriptionOutput as Published

import bestiary
from bestiary.core.errors import ArgumentError, InputError
from bestiary.models.superpoint.model import SuperPointKeypointDescriptionOutput


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_points_as_published(count: int, as_tensor: bool) -> None:
    draw = torch.Generator().manual_seed(count)
    values = {
        "keypoints": torch.rand(3, count, 2, generator=draw),
        "scores": torch.rand(3, count, generator=draw),
        "descriptors": torch.randn(3, count, 5, generator=draw),
        "mask": (torch.rand(3, count, generator=draw) > 0.4).int(),
    }
    sizes = [(40, 61), (7, 300), (480, 640)]
    given = torch.tensor(sizes) if as_tensor else sizes
    expected = transformers.SuperPointImageProcessorPil().post_process_keypoint_detection(Published(**values), given)
    found = bestiary.SuperPointImageProcessor().post_process_keypoint_detection(
        SuperPointKeypointDescriptionOutput(**values), given
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name in theirs:
            assert ours[name].dtype == theirs[name].dtype
            assert torch.equal(ours[name], theirs[name])
    with pytest.raises(InputError, match="target_sizes has shape"):
        bestiary.SuperPointImageProcessor().post_process_keypoint_detection(
            SuperPointKeypointDescriptionOutput(**values), sizes[:2]
        )


@pytest.mark.parametrize("options", [{}, {"do_rescale": False, "do_resize": False}])
def test_grey_as_published(options: dict[str, bool]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (33, 41, 3), dtype=np.uint8)
    for picture in (image, np.repeat(image[..., :1], 3, axis=-1)):
        for layout in ("channels_first", "channels_last"):
            theirs = transformers.SuperPointImageProcessorPil(do_grayscale=True)(
                picture, return_tensors="pt", data_format=layout, **options
            )
            ours = bestiary.SuperPointImageProcessor(do_grayscale=True)(
                picture, return_tensors="pt", data_format=layout, **options
            )
            expected = theirs.pixel_values
            if expected.shape != ours.pixel_values.shape:  # the published one leaves the channels where they are
                expected = expected.permute(0, 2, 3, 1)
            torch.testing.assert_close(ours.pixel_values.double(), expected.double(), atol=1e-4, rtol=1e-5)


def test_there_is_no_loss() -> None:
    config = bestiary.SuperPointConfig(encoder_hidden_sizes=[4, 4, 4, 4], decoder_hidden_size=8, descriptor_decoder_dim=8)
    with pytest.raises(ArgumentError, match="SuperPoint has no loss"):
        bestiary.SuperPointForKeypointDetection(config)(torch.rand(1, 1, 16, 16), labels=torch.zeros(1))
