"""Depth Pro: its image processor, which the published library has for torchvision alone, and what is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import bestiary
from bestiary.core.errors import ConfigError, InputError
from bestiary.pipelines import pipeline

ENCODER = {"model_type": "dinov2", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_ratio": 1}
ENCODER |= {"image_size": 8, "patch_size": 4}
SIZES: dict[str, Any] = {
    **dict.fromkeys(("image_model_config", "patch_model_config", "fov_model_config"), ENCODER),
    "patch_size": 8,
    "fusion_hidden_size": 8,
    "intermediate_hook_ids": [0],
    "intermediate_feature_dims": [6],
    "scaled_images_ratios": [0.5, 1.0],
    "scaled_images_overlap_ratios": [0.0, 0.5],
    "scaled_images_feature_dims": [6, 6],
    "use_fov_model": True,
}
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 22, 3), dtype=np.uint8))


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, {"use_batch_norm_in_fusion_residual": True, "use_bias_in_fusion_residual": False}])
def test_depths_are_the_published_ones(options: dict[str, Any], tmp_path: Path) -> None:
    """Square images, in double precision: depths of fresh weights reach hundreds."""
    torch.default_generator.manual_seed(0)
    published = transformers.DepthProForDepthEstimation(transformers.DepthProConfig(**{**SIZES, **options})).eval()
    published.save_pretrained(tmp_path)
    model, pixels = bestiary.DepthProForDepthEstimation.from_pretrained(tmp_path).double(), torch.rand(2, 3, 16, 16).double()
    found, expected = model(pixels), published.double()(pixels)
    for name in ("predicted_depth", "field_of_view"):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-9, atol=1e-9)


def test_levels_are_scaled_without_smoothing() -> None:
    processor = bestiary.DepthProImageProcessor()
    found = processor(PICTURE, size={"height": 16, "width": 12}, return_tensors="pt").pixel_values
    levels = torch.from_numpy(np.array(PICTURE)).permute(2, 0, 1)[None] / 127.5 - 1
    torch.testing.assert_close(found, torch.nn.functional.interpolate(levels, (16, 12), mode="bilinear"))
    assert processor(PICTURE, do_resize=False).pixel_values[0].shape == (3, 30, 22)
    assert processor.size == {"height": 1536, "width": 1536}
    with pytest.raises(InputError, match="resample is 1"):
        processor(PICTURE, resample=1)


def test_depths_in_metres() -> None:
    """A plane one unit of disparity away, seen at 90 degrees: the focal length is half the width, so twice the disparity."""
    outputs = SimpleNamespace(predicted_depth=torch.ones(2, 3, 4), field_of_view=torch.tensor([90.0, 60.0]))
    process = bestiary.DepthProImageProcessor().post_process_depth_estimation
    first, second = process(outputs, [(6, 8), (5, 10)])
    torch.testing.assert_close(first["predicted_depth"], torch.full((6, 8), 0.5))
    assert first["focal_length"].item() == pytest.approx(4.0)
    torch.testing.assert_close(second["predicted_depth"], torch.full((5, 10), 3**0.5 / 2))
    assert second["field_of_view"].item() == 60
    assert [each["focal_length"] for each in process(outputs)] == [None, None]
    outputs.predicted_depth = torch.tensor([[[0.0, 2.0]]])
    outputs.field_of_view = None
    assert process(outputs)[0]["predicted_depth"].tolist() == [[10_000.0, 0.5]]
    with pytest.raises(InputError, match="2 sizes for 1 images"):
        process(outputs, [(6, 8), (5, 10)])


def test_pipeline(tmp_path: Path) -> None:
    torch.default_generator.manual_seed(0)
    model = bestiary.DepthProForDepthEstimation(bestiary.DepthProConfig(**SIZES)).eval()
    model.save_pretrained(tmp_path)
    processor = bestiary.DepthProImageProcessor(size={"height": 16, "width": 16})
    processor.save_pretrained(tmp_path)
    answers = pipeline("depth-estimation", str(tmp_path))([PICTURE, PICTURE.rotate(90, expand=True)], batch_size=2)
    with torch.no_grad():
        outputs = model(**processor(PICTURE, return_tensors="pt"))
    expected = processor.post_process_depth_estimation(outputs, [(30, 22)])[0]["predicted_depth"]
    torch.testing.assert_close(answers[0]["predicted_depth"], expected, rtol=1e-4, atol=1e-4)
    assert [each["depth"].size for each in answers] == [(22, 30), (30, 22)]


def test_without_the_field_of_view() -> None:
    model = bestiary.DepthProForDepthEstimation(bestiary.DepthProConfig(**SIZES), use_fov_model=False)
    assert model(torch.rand(1, 3, 16, 24)).field_of_view is None
    with pytest.raises(InputError, match="15 x 16 pixels are, scaled by 0.5"):
        model(torch.rand(1, 3, 15, 16))
    with pytest.raises(InputError, match="cut into 2"):
        model(torch.rand(1, 3, 16, 32))
    with pytest.raises(InputError, match="no loss of its own"):
        model(torch.rand(1, 3, 16, 16), labels=torch.rand(1, 3))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scaled_images_ratios": [1.0, 0.5]}, "from small to large"),
        ({"scaled_images_ratios": [1.0]}, "are not as many"),
        ({"scaled_images_overlap_ratios": [0.0, 1.0]}, "less than 1"),
        ({"intermediate_hook_ids": [1]}, "has 1 blocks"),
        ({"num_fov_head_layers": 4}, "leave nothing"),
        ({"image_model_config": {"model_type": "beit"}}, "config of a beit"),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bestiary.DepthProConfig(**{**SIZES, **values})
