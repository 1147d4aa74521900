"""DINOv3's image processor: floats are scaled, smoothed, by torch's formula; nothing is rounded in between."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from bestiary import AutoImageProcessor, DINOv3ViTImageProcessor

MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


@pytest.mark.parametrize(("resample", "mode"), [(2, "bilinear"), (3, "bicubic")])
@pytest.mark.parametrize("size", [(50, 70), (331, 250), (1, 9), (20, 24)])
def test_pixels(size: tuple[int, int], resample: int, mode: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    processor = DINOv3ViTImageProcessor(size={"height": 20, "width": 24}, resample=resample)
    found = processor(image, input_data_format="channels_last", return_tensors="pt").pixel_values
    floats = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    scaled = interpolate(floats, (20, 24), mode=mode, antialias=True, align_corners=False)
    torch.testing.assert_close(found, (scaled - MEAN[:, None, None]) / DEVIATION[:, None, None], rtol=0, atol=1e-5)


def test_eight_bits_where_nothing_is_rescaled() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    found = DINOv3ViTImageProcessor(do_rescale=False, do_normalize=False)(image).pixel_values[0]
    assert found.shape == (3, 224, 224)
    assert np.array_equal(found, np.round(found))


def test_settings(tmp_path: object) -> None:
    processor = DINOv3ViTImageProcessor()
    assert (processor.size, processor.resample, processor.do_center_crop) == ({"height": 224, "width": 224}, 2, None)
    processor.save_pretrained(tmp_path)
    opened = AutoImageProcessor.from_pretrained(tmp_path)
    assert type(opened) is DINOv3ViTImageProcessor
    assert opened.to_dict() == processor.to_dict()
