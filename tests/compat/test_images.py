"""What writers of image processors import, beside `transformers.image_utils`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import image_utils as theirs

from bestiary.compat import images as ours

RNG = np.random.default_rng(0)
WHOLE = RNG.integers(0, 256, (3, 4, 6), dtype=np.uint8)
PIL_IMAGE = PIL.Image.fromarray(WHOLE.transpose(1, 2, 0))
ANYTHING: dict[str, Any] = {
    "pil": PIL_IMAGE,
    "pils": [PIL_IMAGE, PIL_IMAGE],
    "nested pils": [[PIL_IMAGE, PIL_IMAGE], [PIL_IMAGE]],
    "array": WHOLE,
    "channels last": WHOLE.transpose(1, 2, 0),
    "unit": WHOLE / 255,
    "batch": WHOLE[None].repeat(2, 0),
    "arrays": [WHOLE, WHOLE],
    "nested arrays": [[WHOLE], [WHOLE, WHOLE]],
    "batches": [WHOLE[None].repeat(2, 0), WHOLE[None]],
    "tensor": torch.from_numpy(WHOLE),
    "tensors": [torch.from_numpy(WHOLE)],
    "batch of tensors": torch.from_numpy(WHOLE)[None],
    "video": WHOLE[None, None].repeat(2, 1),
    "grey": WHOLE[0],
    "one channel": WHOLE[:1],
    "four channels": RNG.integers(0, 256, (4, 5, 6), dtype=np.uint8),
    "text": "x",
    "texts": ["x"],
    "number": 3,
    "nothing": None,
}
ALONE = ("is_pil_image", "get_image_type", "is_valid_image", "valid_images", "is_batched", "to_numpy_array", "load_images")
PLACES = ("channels_first", "channels_last")
FUNCTIONS: list[tuple[str, tuple[Any, ...]]] = [
    *((name, ()) for name in (*ALONE, "infer_channel_dimension_format", "get_channel_dimension_axis", "get_image_size")),
    *(("infer_channel_dimension_format", (count,)) for count in (4, (1, 3, 4), 6)),
    *((name, (place,)) for name in ("get_channel_dimension_axis", "get_image_size") for place in PLACES),
    *((f"make_{kind}list_of_images", options) for kind in ("", "flat_", "nested_") for options in ((), (4,))),
]
# One image is passed to these; what they answer to other things is chance (errors of attributes, or of empty lists).
FOR_ARRAYS = {"infer_channel_dimension_format", "get_channel_dimension_axis", "get_image_size"}


def answer(call: Callable[[], Any]) -> Any:
    """The value, or that it is refused."""
    try:
        return call()
    except (ValueError, TypeError, KeyError, OSError):
        return "refused"


def same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, PIL.Image.Image | np.ndarray | torch.Tensor):
        return type(one) is type(other) and np.array_equal(np.asarray(one), np.asarray(other))
    return bool(one == other)


@pytest.mark.parametrize(("name", "options"), FUNCTIONS, ids=str)
@pytest.mark.parametrize("kind", ANYTHING)
def test_functions(name: str, options: tuple[Any, ...], kind: str) -> None:
    value = ANYTHING[kind]
    if name in FOR_ARRAYS and (not isinstance(value, np.ndarray | torch.Tensor) or kind == "grey"):
        return
    one, other = (answer(lambda module=module: getattr(module, name)(value, *options)) for module in (ours, theirs))
    assert same(one, other), (one, other)


def test_the_size_of_an_image_of_pillow() -> None:
    """Height and width, as documented; the published function gives width and height here."""
    assert ours.get_image_size(PIL_IMAGE) == (4, 6)
    assert theirs.get_image_size(PIL_IMAGE) == (6, 4)


def test_scaled() -> None:
    for array in (WHOLE, WHOLE / 255, WHOLE.astype(float), np.zeros((2, 2, 3)), -np.ones((2, 2, 3))):
        assert ours.is_scaled_image(array) == theirs.is_scaled_image(array)


def test_sizes() -> None:
    arrays = [np.zeros((3, 4, 5)), np.zeros((3, 6, 2))]
    for module in (ours, theirs):
        assert module.get_max_height_width(arrays) == (6, 5)
        assert module.max_across_indices([(1, 5), (3, 2)]) == [3, 5]
        assert module.is_valid_list_of_images(arrays)
        assert not module.is_valid_list_of_images([])
    for height, width in ((100, 200), (37, 91), (5, 5)):
        for limits in ((50, 50), (10, 400)):
            pair = [module.get_image_size_for_max_height_width((height, width), *limits) for module in (ours, theirs)]
            assert pair[0] == pair[1]
    for parts in ([[1], [2, 3]], [np.zeros(2), np.ones(1)], [torch.zeros(2), torch.ones(1)]):
        assert same(ours.concatenate_list(parts), theirs.concatenate_list(parts))


def test_edges_by_name() -> None:
    for module in (ours, theirs):
        size = module.SizeDict(height=3, shortest_edge=2)
        assert dict(size) == {"height": 3, "shortest_edge": 2}
        assert (size["height"], size.get("width"), size.get("width", 7)) == (3, None, 7)
        assert "height" in size
        assert "width" not in size
        assert size == module.SizeDict(height=3, shortest_edge=2, width=None)


def test_a_size_has_no_other_edges() -> None:
    with pytest.raises(KeyError):
        ours.SizeDict(height=3)["no_edge"]


def test_loading(tmp_path: Path) -> None:
    PIL_IMAGE.save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    for value in (path, [path, PIL_IMAGE], [[path], [path]]):
        assert same(ours.load_images(value), theirs.load_images(value))
    assert torch.equal(ours.load_image_as_tensor(path), torch.from_numpy(WHOLE))


ANNOTATIONS: list[Any] = [
    {"image_id": 1, "annotations": []},
    {"image_id": 1, "annotations": [{"id": 2}]},
    {"image_id": 1, "annotations": [3]},
    {"image_id": 1, "annotations": None},
    {"annotations": []},
    {"image_id": 1, "segments_info": [{"id": 2}], "file_name": "a"},
    {"image_id": 1, "segments_info": []},
    {},
]


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=str)
def test_annotations(annotation: Any) -> None:
    for kind in ("detection", "panoptic"):
        for name in (f"is_valid_annotation_coco_{kind}", f"valid_coco_{kind}_annotations"):
            value = [annotation] if name.startswith("valid") else annotation
            assert getattr(ours, name)(value) == getattr(theirs, name)(value)
        for supported in (("coco_detection", "coco_panoptic"), ("coco_panoptic",)):
            answers = [
                answer(
                    lambda module=module, kind=kind, supported=supported: module.validate_annotations(
                        module.AnnotationFormat(f"coco_{kind}"),
                        tuple(map(module.AnnotationFormat, supported)),
                        [annotation],
                    )
                )
                for module in (ours, theirs)
            ]
            assert answers[0] == answers[1]


STEPS = [
    {"do_rescale": True},
    {"do_rescale": True, "rescale_factor": 0.5},
    {"do_normalize": True, "image_mean": 0.5},
    {"do_normalize": True, "image_mean": 0.5, "image_std": 0.5},
    {"do_pad": True},
    {"do_pad": True, "pad_size": {"height": 1, "width": 1}},
    {"do_center_crop": True},
    {"do_center_crop": True, "crop_size": {"height": 1, "width": 1}},
    {"do_resize": True, "size": {"height": 1, "width": 1}},
    {"do_resize": True, "size": {"height": 1, "width": 1}, "resample": 2},
    {"do_resize": False},
]


@pytest.mark.parametrize("steps", STEPS, ids=str)
def test_steps(steps: dict[str, Any]) -> None:
    answers = [answer(lambda module=module: module.validate_preprocess_arguments(**steps)) for module in (ours, theirs)]
    assert answers[0] == answers[1]


def test_constants() -> None:
    for name in vars(theirs):
        if name.startswith(("IMAGENET_", "OPENAI_CLIP_")):
            assert getattr(ours, name) == getattr(theirs, name)
    for name in ("AnnotationFormat", "ImageType"):
        assert [each.value for each in getattr(ours, name)] == [each.value for each in getattr(theirs, name)]
