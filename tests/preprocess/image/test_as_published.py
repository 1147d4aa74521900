"""What the published image processors compute, though it is doubtful: the same pixels here, and one warning says why."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.image_transforms import get_size_with_aspect_ratio
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from bestiary import CLIPImageProcessor, ConvNextImageProcessor, DeiTImageProcessor, DetrImageProcessor, ViTImageProcessor
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.preprocess.image.transforms import output_size

CLASSES = {
    "vit": (ViTImageProcessor, ViTImageProcessorPil, {"size": {"height": 16, "width": 18}}),
    "clip": (CLIPImageProcessor, CLIPImageProcessorPil, {"size": {"shortest_edge": 20}, "crop_size": 16}),
    "convnext": (ConvNextImageProcessor, ConvNextImageProcessorPil, {"size": {"shortest_edge": 16}}),
    "deit": (DeiTImageProcessor, DeiTImageProcessorPil, {"size": {"height": 20, "width": 22}, "crop_size": 16}),
    "detr": (DetrImageProcessor, DetrImageProcessorPil, {"size": {"shortest_edge": 20, "longest_edge": 30}}),
}
RNG = np.random.default_rng(0)
RGBA = RNG.integers(0, 256, (37, 53, 4), dtype=np.uint8)
RGB = np.ascontiguousarray(RGBA[..., :3])
IMAGE = Image.fromarray(RGB)
PALETTE = IMAGE.convert("P")
DEEP = Image.fromarray(RGB[..., 0].astype(np.uint16) * 200)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reopened(image: Image.Image, kind: str = "PNG", **options: Any) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, kind, **options)))


def compare(name: str, images: Any, **options: Any) -> None:
    ours, theirs, settings = CLASSES[name]
    options = {"return_tensors": "np", **options}
    expected = theirs(**settings)(images, **options)
    result = ours(**settings)(images, **options)
    assert set(result) == set(expected)
    for key in expected:
        np.testing.assert_allclose(result[key], expected[key], atol=1e-5, rtol=0)


TRANSPARENT = {
    "RGBA": Image.fromarray(RGBA),
    "RGBA of floats": RGBA / 255,
    "RGBA array": RGBA,
    "RGBA array, channels first": RGBA.transpose(2, 0, 1),
    "RGBA tensor of whole numbers": torch.from_numpy(RGBA).long(),
    "LA": Image.fromarray(np.ascontiguousarray(RGBA[..., 2:])),
    "PA": Image.fromarray(RGBA).convert("P").convert("PA"),
    "one colour of the palette": reopened(PALETTE, "GIF", transparency=int(np.asarray(PALETTE)[0, 0])),
    "degrees in the palette": reopened(PALETTE, transparency=bytes(range(256))),
    "one colour": reopened(IMAGE, transparency=tuple(RGB[0, 0].tolist())),
    "one grey": reopened(IMAGE.convert("L"), transparency=int(np.asarray(IMAGE.convert("L"))[0, 0])),
    "floats of a photo": IMAGE.convert("F"),
}


@pytest.mark.filterwarnings("ignore:an image of floats")
@pytest.mark.parametrize("image", TRANSPARENT.values(), ids=TRANSPARENT)
@pytest.mark.parametrize("name", CLASSES)
def test_what_is_transparent_lies_on_white(name: str, image: Any) -> None:
    compare(name, image, do_convert_rgb=True)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_alpha_weighs_colours_that_are_resized(channels: int) -> None:
    options = {"input_data_format": "channels_last", "do_convert_rgb": False, "do_normalize": False}
    compare("vit", RGBA[..., :channels], **options)


@pytest.mark.parametrize("name", CLASSES)
def test_encoded_images_are_upright_and_rgb(name: str, tmp_path: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for image in (Image.fromarray(RGBA), IMAGE.convert("L"), IMAGE.convert("1"), PALETTE, IMAGE.convert("LA")):
        (tmp_path / "a.png").write_bytes(encoded(image, exif=exif))
        compare(name, str(tmp_path / "a.png"))


@pytest.mark.parametrize("sizes", [(800, 1333), (480, 640), (32, 50)], ids=str)
def test_edges_with_a_limit(sizes: tuple[int, int]) -> None:
    size = {"shortest_edge": sizes[0], "longest_edge": sizes[1]}
    shapes = [(sizes[0], 3 * sizes[1]), (2 * sizes[1], sizes[0]), *RNG.integers(40, 2500, (2000, 2)).tolist()]
    for height, width in shapes:
        assert output_size(height, width, size) == tuple(get_size_with_aspect_ratio((height, width), *sizes))


@pytest.mark.filterwarnings("ignore:an image of floats")
@pytest.mark.parametrize(
    "values",
    [
        np.where(RGB > 120, 1.0, 0.0),
        np.zeros((9, 8, 3)),
        RGB > 120,
        RGB.astype(np.float16),
        RGB.astype(np.uint16),
        RGB.astype(object),
        np.ma.masked_array(RGB),
        torch.from_numpy(RGB).to(torch.float16) / 255,
    ],
    ids=["black and white", "black", "boolean", "halves", "deep but small", "objects", "masked", "half tensor"],
)
@pytest.mark.parametrize("name", CLASSES)
def test_kinds_of_numbers(name: str, values: Any) -> None:
    compare(name, values)


def test_floats_that_numpy_lacks_are_read() -> None:
    processor = ViTImageProcessor(size=16, do_rescale=False)
    values = torch.from_numpy(RGB) / 255
    found = processor(values.to(torch.bfloat16), return_tensors="pt").pixel_values
    torch.testing.assert_close(found, processor(values.to(torch.bfloat16).float(), return_tensors="pt").pixel_values)


@pytest.mark.parametrize(
    ("name", "images", "options", "code"),
    [
        ("vit", RGB[:3], {}, "channels-first"),
        ("clip", RGBA[:4], {}, "channels-first"),
        ("clip", RGB[:1], {}, "channels-first"),
        ("clip", RGB[:1, :1], {}, "channels-first"),
        ("vit", RGBA[:4, :, :3], {"do_normalize": False}, "channels-first"),
        ("vit", IMAGE.convert("YCbCr"), {}, "colour-space"),
        ("detr", IMAGE.convert("HSV"), {}, "colour-space"),
        ("convnext", IMAGE.convert("LAB"), {}, "colour-space"),
        ("clip", DEEP, {}, "deep-pixels"),
        ("vit", DEEP, {"do_convert_rgb": True}, "deep-pixels"),
        ("vit", IMAGE, {"do_resize": None}, "none-is-off"),
        ("clip", IMAGE, {"do_center_crop": None, "do_normalize": None}, "none-is-off"),
        ("clip", IMAGE, {"do_convert_rgb": None, "do_rescale": None}, "none-is-off"),
        ("detr", IMAGE, {"do_pad": None}, "none-is-off"),
        ("detr", IMAGE, {"do_center_crop": True, "crop_size": {"height": 8, "width": 9}}, "no-crop"),
        ("vit", IMAGE, {"device": "cpu"}, "device-of-arrays"),
    ],
)
def test_one_warning(name: str, images: Any, options: dict[str, Any], code: str) -> None:
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=rf"\[{code}\]"):
        compare(name, images, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("convnext", {"size": {"shortest_edge": 8, "longest_edge": 10}}),
        ("convnext", {"do_center_crop": True, "crop_size": {"height": 8, "width": 9}}),
        ("vit", {"disable_grouping": True}),
        ("clip", {"do_pad": None, "disable_grouping": None}),
        ("vit", {"image_mean": 0.4, "image_std": 0.3}),
    ],
    ids=str,
)
def test_no_warning(name: str, options: dict[str, Any]) -> None:
    compare(name, IMAGE, **options)
