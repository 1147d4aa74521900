"""Images whose edges become multiples of something, the maps that go with them, and predicted depth at the sizes of images."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from transformers.models.zoedepth import image_processing_pil_zoedepth

import bestiary
from bestiary.core.errors import InputError

RNG = np.random.default_rng(0)
PICTURE = Image.fromarray(RNG.integers(0, 256, (45, 70, 3), dtype=np.uint8))
TALL = Image.fromarray(RNG.integers(0, 256, (90, 41, 3), dtype=np.uint8))
OPTIONS: list[dict[str, Any]] = [
    {"size": {"height": 40, "width": 64}, "keep_aspect_ratio": True, "ensure_multiple_of": 14},
    {"size": {"height": 40, "width": 64}, "ensure_multiple_of": 8},
    {"do_resize": False, "do_pad": True, "size_divisor": 16},
    {"size": 31, "do_pad": True, "size_divisor": 32, "keep_aspect_ratio": True},
]


@pytest.mark.parametrize("name", ["DPT", "PromptDepthAnything"])
@pytest.mark.parametrize("options", OPTIONS)
def test_multiples(name: str, options: dict[str, Any]) -> None:
    ours, published = getattr(bestiary, f"{name}ImageProcessor")(), getattr(transformers, f"{name}ImageProcessorPil")()
    for image in (PICTURE, TALL):
        found, expected = ours(image, **options)["pixel_values"][0], published(image, **options)["pixel_values"][0]
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def test_one_array_is_resized() -> None:
    image = np.array(PICTURE).transpose(2, 0, 1).copy()
    size = transformers.image_utils.SizeDict(height=40, width=64)
    for name, multiple in (("DPT", 14), ("ZoeDepth", 32)):
        ours, published = getattr(bestiary, f"{name}ImageProcessor")(), getattr(transformers, f"{name}ImageProcessorPil")()
        for options in ({}, {"keep_aspect_ratio": True, "ensure_multiple_of": multiple}):
            settings = {"resample": 2, "keep_aspect_ratio": False, "ensure_multiple_of": 1, **options}
            found, expected = ours.resize(image, dict(size), **settings), published.resize(image, size, **settings)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_no_pixel_is_left() -> None:
    with pytest.raises(InputError, match="would be resized to 0 x"):
        bestiary.DPTImageProcessor(size={"height": 4, "width": 8}, ensure_multiple_of=14)(PICTURE)


@pytest.mark.parametrize("options", [{}, {"do_reduce_labels": True}, *OPTIONS])
def test_maps_of_classes(options: dict[str, Any]) -> None:
    """By the nearest pixel; the published processor blends the numbers of classes, unless told not to."""
    classes = RNG.integers(0, 5, (45, 70)).astype(np.uint8)
    found = bestiary.DPTImageProcessor()(PICTURE, classes, return_tensors="np", **options)
    expected = transformers.DPTImageProcessorPil()(PICTURE, classes, return_tensors="np", resample=0, **options)
    np.testing.assert_array_equal(found["labels"], expected["labels"])


def test_classes_of_places() -> None:
    outputs = transformers.modeling_outputs.SemanticSegmenterOutput(logits=torch.randn(2, 3, 5, 7))
    for sizes in (None, [(9, 8), (4, 4)]):
        ours = bestiary.DPTImageProcessor().post_process_semantic_segmentation(outputs, sizes)
        for one, other in zip(
            ours, transformers.DPTImageProcessorPil().post_process_semantic_segmentation(outputs, sizes), strict=True
        ):
            assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["DPT", "PromptDepthAnything"])
def test_depth_at_the_sizes_of_images(name: str) -> None:
    ours, published = getattr(bestiary, f"{name}ImageProcessor")(), getattr(transformers, f"{name}ImageProcessorPil")()
    outputs = transformers.modeling_outputs.DepthEstimatorOutput(predicted_depth=torch.rand(2, 6, 7))
    for sizes in (None, [(9, 8), (4, 4)], torch.tensor([[9, 8], [4, 4]])):
        listed = sizes.tolist() if isinstance(sizes, torch.Tensor) else sizes
        expected = published.post_process_depth_estimation(outputs, listed)
        for one, other in zip(ours.post_process_depth_estimation(outputs, sizes), expected, strict=True):
            assert torch.equal(one["predicted_depth"], other["predicted_depth"])


def test_prompts() -> None:
    ours, published = bestiary.PromptDepthAnythingImageProcessor(), transformers.PromptDepthAnythingImageProcessorPil()
    prompts = [RNG.integers(500, 9000, (12, 16)).astype(np.uint16), np.full((12, 16), 700, np.uint16)]
    for options in ({}, {"prompt_scale_to_meter": 0.01}):
        found = ours([PICTURE, TALL], prompts, return_tensors="pt", **options)["prompt_depth"]
        expected = published([PICTURE, TALL], prompts, return_tensors="pt", **options)["prompt_depth"]
        torch.testing.assert_close(found, expected, rtol=2e-6, atol=0)
    with pytest.raises(InputError, match="1 prompt_depth for 2 images"):
        ours([PICTURE, TALL], prompts[:1])
    with pytest.raises(InputError, match="one number for each place"):
        ours(PICTURE, TALL)


@pytest.mark.parametrize("options", [{}, {"do_pad": False}, {"do_resize": False}, {"ensure_multiple_of": 32, "resample": 3}])
def test_mirrored_edges(options: dict[str, Any]) -> None:
    ours, published = bestiary.ZoeDepthImageProcessor(), transformers.ZoeDepthImageProcessorPil()
    for image in (PICTURE, TALL):
        found, expected = ours(image, **options)["pixel_values"][0], published(image, **options)["pixel_values"][0]
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("targets", [None, [(9, 8), (4, 4)]])
@pytest.mark.parametrize("options", [{}, {"do_remove_padding": False}])
def test_mirrored_edges_are_cut_off(targets: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The published function resizes by a package that is not here; what stands in for it is bicubic, as it asks for."""

    def resize(image: torch.Tensor, size: Any, interpolation: Any = None, antialias: bool = True) -> torch.Tensor:
        assert (interpolation, antialias) == ("bicubic", False)
        return torch.nn.functional.interpolate(image[None], size=[int(edge) for edge in size], mode="bicubic")[0]

    stand_in = SimpleNamespace(resize=resize, InterpolationMode=SimpleNamespace(BICUBIC="bicubic"))
    monkeypatch.setattr(image_processing_pil_zoedepth, "tvF", stand_in, raising=False)
    ours, published = bestiary.ZoeDepthImageProcessor(), transformers.ZoeDepthImageProcessorPil()
    outputs, flipped = (transformers.modeling_outputs.DepthEstimatorOutput(predicted_depth=torch.rand(2, 6, 7)) for _ in "ab")
    for mirrored in (None, flipped):
        arguments = {"outputs_flipped": mirrored, "target_sizes": targets, **options}
        found = ours.post_process_depth_estimation(outputs, [(45, 70), (90, 41)], **arguments)
        expected = published.post_process_depth_estimation(outputs, [(45, 70), (90, 41)], **arguments)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one["predicted_depth"], other["predicted_depth"], rtol=1e-6, atol=1e-6)
    with pytest.raises(InputError, match="source_sizes is needed"):
        ours.post_process_depth_estimation(outputs)
