"""Maps of classes and of depth, against the published image processors."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.glpn.image_processing_pil_glpn import GLPNImageProcessorPil
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

from bestiary.core.errors import InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.models.glpn import GLPNImageProcessor
from bestiary.models.segformer import SegformerImageProcessor

SIZE = {"height": 20, "width": 31}
SHAPES = [(33, 70), (100, 64), (9, 20), (1, 1)]
RANDOM = np.random.default_rng(0)


def picture(shape: tuple[int, int], mode: str = "RGB") -> Any:
    return Image.fromarray(RANDOM.integers(0, 256, (*shape, 3), dtype=np.uint8)).convert(mode)


def classes(shape: tuple[int, int]) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


FORMS = {
    "L": Image.fromarray,
    "P": lambda array: Image.fromarray(array, mode="P"),
    "array": lambda array: array.astype(np.int64),
    "tensor": lambda array: torch.from_numpy(array.astype(np.int64)),
    "batch": lambda array: array[None].copy(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "options", [{}, {"do_reduce_labels": True}, {"size": (8, 8), "do_rescale": False}, {"do_resize": False}]
)
@pytest.mark.filterwarnings("ignore:.*mode.*:DeprecationWarning")
def test_maps_follow_their_images(form: str, shape: tuple[int, int], options: dict[str, Any]) -> None:
    ours, theirs = (kind(**{"size": SIZE, **options}) for kind in (SegformerImageProcessor, SegformerImageProcessorPil))
    image, array = picture(shape), classes(shape)
    expected = theirs(image, FORMS[form](array.copy()) if form != "L" else Image.fromarray(array), return_tensors="pt")
    found = ours(image, FORMS[form](array), return_tensors="pt")
    assert found["labels"].dtype == expected["labels"].dtype
    assert torch.equal(found["labels"], expected["labels"])
    assert torch.equal(found["pixel_values"], expected["pixel_values"])


def test_a_batch_with_maps() -> None:
    shapes = SHAPES[:2]
    images, maps = [picture(shape) for shape in shapes], [classes(shape) for shape in shapes]
    found = SegformerImageProcessor(size=SIZE)(images, segmentation_maps=maps)
    assert [each.shape for each in found["labels"]] == [(20, 31)] * 2
    large = np.array([[0, 70_000], [255, 256]])
    label = SegformerImageProcessor(do_resize=False, do_reduce_labels=True)(picture((2, 2)), large)["labels"][0]
    assert label.tolist() == [[255, 69_999], [255, 255]]


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([np.zeros((9, 9), int)] * 2, "one for each image; found 2 for 1"),
        ([np.zeros((9, 9, 3), int)], r"shape \(9, 9, 3\); expected \(height, width\)"),
        (np.zeros((0, 9), int), "shape"),
        (np.full((9, 9), 0.5), "expected classes"),
        (np.full((9, 9), 2**40), "expected classes"),
        (3, "is a int"),
    ],
)
def test_maps_that_are_none(maps: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SegformerImageProcessor(size=SIZE)(picture((9, 9)), maps)


def test_maps_of_another_size_than_the_image() -> None:
    with pytest.raises(InputError, match="has 4 x 9 pixels, its image 9 x 9; expected the same"):
        SegformerImageProcessor(do_resize=False)(picture((9, 9)), classes((4, 9)))
    with pytest.warns(BestiaryWarning, match="it is taken to show the same"):
        found = SegformerImageProcessor(size=SIZE)(picture((9, 9)), classes((4, 9)))
    assert found["labels"][0].shape == (20, 31)


@pytest.mark.parametrize("sizes", [None, [(40, 50), (10, 70)], torch.tensor([[40, 50], [10, 70]])])
def test_predictions_become_maps(sizes: Any) -> None:
    outputs = SimpleNamespace(logits=torch.randn(2, 4, 8, 9), predicted_depth=torch.rand(2, 8, 9))
    listed = sizes.tolist() if isinstance(sizes, torch.Tensor) else sizes
    ours, theirs = SegformerImageProcessor(), SegformerImageProcessorPil()
    for scores in (False, True):
        found = ours.post_process_semantic_segmentation(outputs, sizes, scores)
        for one, other in zip(found, theirs.post_process_semantic_segmentation(outputs, listed, scores), strict=True):
            if scores:
                assert torch.equal(one["segmentation_scores"], other["segmentation_scores"])
                one, other = one["segmentation"], other["segmentation"]
            assert torch.equal(one, other)
    expected = GLPNImageProcessorPil().post_process_depth_estimation(outputs, listed)
    for one, other in zip(GLPNImageProcessor().post_process_depth_estimation(outputs, sizes), expected, strict=True):
        assert torch.equal(one["predicted_depth"], other["predicted_depth"])
    with pytest.raises(InputError, match="3 sizes for 2 images"):
        GLPNImageProcessor().post_process_depth_estimation(outputs, [(4, 4)] * 3)


@pytest.mark.parametrize("shape", [(33, 70), (100, 64), (90, 200), (32, 32)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("options", [{}, {"size_divisor": 7}, {"do_resize": False}, {"do_rescale": False}, {"resample": 3}])
def test_edges_become_multiples(shape: tuple[int, int], mode: str, options: dict[str, Any]) -> None:
    image = picture(shape, mode)
    found, expected = (kind()(image, **options)["pixel_values"][0] for kind in (GLPNImageProcessor, GLPNImageProcessorPil))
    np.testing.assert_array_equal(found, expected)


def test_an_image_smaller_than_a_multiple() -> None:
    with pytest.raises(InputError, match=r"20 x 70 pixels is smaller than size_divisor \(32\)"):
        GLPNImageProcessor()(picture((20, 70)))
