"""Image processors against the reference's Pillow processors, and by hand where the reference has no answer."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from bestiary import AutoImageProcessor, WhisperFeatureExtractor
from bestiary.core.errors import ArgumentError, ConfigError, FileMissing, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.models.clip.image_processor import CLIPImageProcessor
from bestiary.models.convnext.image_processor import ConvNextImageProcessor
from bestiary.models.vit.image_processor import ViTFeatureExtractor, ViTImageProcessor, ViTImageProcessorFast

CONVNEXT = (ConvNextImageProcessor, ConvNextImageProcessorPil)
VIT, CLIP = (ViTImageProcessor, ViTImageProcessorPil), (CLIPImageProcessor, CLIPImageProcessorPil)
FAMILIES = pytest.mark.parametrize("family", [VIT, CLIP], ids=["vit", "clip"])
PLAIN = {"do_resize": False, "do_center_crop": False, "do_rescale": False, "do_normalize": False}


def photo(height=37, width=53, seed=0):
    """Smooth colours with some noise, so that the filters differ and overshoot."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([127 + 127 * np.sin(x / 3 + c) * np.cos(y / (4 + c)) for c in range(3)], axis=-1)
    return np.clip(waves + rng.normal(0, 20, waves.shape), 0, 255).astype(np.uint8)


def both(family, images, own=None, **options):
    ours, reference = family[0](**(own or {})), family[1](**(own or {}))
    return ours(images, return_tensors="np", **options)["pixel_values"], reference(images, return_tensors="np", **options)[
        "pixel_values"
    ]


@FAMILIES
@pytest.mark.parametrize(
    "shape", [(37, 53), (53, 37), (64, 64), (7, 100), (300, 5), (224, 224), (225, 223), (1, 1), (400, 500)]
)
def test_defaults_give_the_pixels_of_the_reference(family, shape):
    ours, reference = both(family, Image.fromarray(photo(*shape)))
    assert ours.dtype == reference.dtype == np.float32
    np.testing.assert_array_equal(ours, reference)


@pytest.mark.parametrize("shape", [(37, 53), (224, 224), (300, 5)])
@pytest.mark.parametrize("edge", [64, 224, 383, 384])
def test_convnext_crops_small_images_and_squeezes_large_ones(edge, shape):
    ours, reference = both(CONVNEXT, Image.fromarray(photo(*shape)), {"size": {"shortest_edge": edge}, "crop_pct": 0.9})
    np.testing.assert_array_equal(ours, reference)


def test_convnext_sizes_that_say_too_little():
    with pytest.raises(ConfigError, match="size must have shortest_edge"):
        ConvNextImageProcessor(size={"height": 8, "width": 8})


@FAMILIES
@pytest.mark.parametrize("resample", range(6))
def test_every_filter(family, resample):
    ours, reference = both(family, photo(), resample=resample)
    np.testing.assert_array_equal(ours, reference)


@FAMILIES
@pytest.mark.parametrize(
    "size",
    [
        10,
        (9, 14),
        {"height": 9, "width": 14},
        {"shortest_edge": 12},
        {"shortest_edge": 12, "longest_edge": 14},
        {"shortest_edge": 13, "longest_edge": 20},
        {"max_height": 12, "max_width": 14},
        {"max_height": 90, "max_width": 70},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(37, 53), (53, 37), (30, 30), (31, 97)])
def test_every_size(family, size, shape):
    options = {"size": size, "do_center_crop": False} if family is CLIP else {"size": size}
    ours, reference = both(family, photo(*shape), **options)
    np.testing.assert_array_equal(ours, reference)


@pytest.mark.parametrize("crop", [(2, 3), (3, 2), (8, 4), (9, 9), (6, 7), (7, 3), (4, 4)])
@pytest.mark.parametrize("shape", [(5, 6), (4, 4), (9, 8)])
def test_crops_and_their_black_borders(crop, shape):
    crop = {"height": crop[0], "width": crop[1]}
    options = {**PLAIN, "do_center_crop": True, "crop_size": crop, "input_data_format": "channels_last"}
    ours, reference = both(CLIP, photo(*shape), **options)
    np.testing.assert_array_equal(ours, reference)


@FAMILIES
@pytest.mark.parametrize("factor", [-1.0, 0.0, 2.0])
def test_any_number_multiplies_pixels(family, factor):
    ours, reference = both(family, photo(), rescale_factor=factor)
    np.testing.assert_allclose(ours, reference, rtol=1e-5, atol=1e-5)


@FAMILIES
@pytest.mark.parametrize("off", ["do_resize", "do_rescale", "do_normalize"])
def test_steps_can_be_switched_off(family, off):
    ours, reference = both(family, photo(), **{off: False})
    assert ours.dtype == reference.dtype
    np.testing.assert_array_equal(ours, reference)


def test_input_kinds_agree(tmp_path):
    pixels = photo()
    image = Image.fromarray(pixels)
    image.save(tmp_path / "photo.png")
    encoded = (tmp_path / "photo.png").read_bytes()
    kinds = [
        image,
        pixels,
        pixels.transpose(2, 0, 1),
        torch.from_numpy(pixels),
        torch.from_numpy(pixels).permute(2, 0, 1),
        pixels.tolist(),
        pixels.astype(np.float32),
        pixels.astype(np.int64),
        tmp_path / "photo.png",
        str(tmp_path / "photo.png"),
        encoded,
    ]
    processor = ViTImageProcessor(size=20)
    expected = processor(kinds[0], return_tensors="np").pixel_values[0]
    for kind in kinds:
        np.testing.assert_array_equal(processor(kind, return_tensors="np").pixel_values[0], expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("do_rescale", [False, True])
@pytest.mark.filterwarnings("ignore:an image of floats")
def test_floats_in_unit_range_are_cut_to_levels_as_published(dtype, do_rescale):
    values = np.random.default_rng(1).random((21, 33, 3)).astype(dtype)
    ours, reference = both(VIT, values, do_rescale=do_rescale)
    np.testing.assert_allclose(ours, reference, atol=1e-6)
    untouched = ViTImageProcessor()(values, do_resize=False, do_rescale=False, do_normalize=False, return_tensors="np")
    np.testing.assert_array_equal(untouched.pixel_values[0].transpose(1, 2, 0), values)


def test_rescaling_unit_floats_warns():
    with pytest.warns(BestiaryWarning, match="do_rescale=False"):
        ViTImageProcessor(size=8)(photo() / 255)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr"])
def test_colour_spaces_become_rgb(mode):
    image = Image.fromarray(photo()).convert(mode)
    ours, reference = both(CLIP, image)
    assert ours.shape == (1, 3, 224, 224)
    np.testing.assert_array_equal(ours, reference)


def test_arrays_with_alpha_and_grey_arrays_become_rgb():
    image = Image.fromarray(photo()).convert("RGBA")
    ours, reference = both(CLIP, np.array(image))
    np.testing.assert_array_equal(ours, reference)
    grey = np.array(image.convert("L"))
    processor = CLIPImageProcessor()
    expected = processor(image.convert("L"), return_tensors="np").pixel_values
    for array in (grey, grey[..., None], grey[None]):
        np.testing.assert_array_equal(processor(array, return_tensors="np").pixel_values, expected)


def test_batches_and_nesting():
    images = [Image.fromarray(photo(30 + i, 40, seed=i)) for i in range(3)]
    processor = ViTImageProcessor(size=16)
    batch = processor(images, return_tensors="pt").pixel_values
    assert batch.shape == (3, 3, 16, 16)
    assert batch.dtype == torch.float32
    for index, image in enumerate(images):
        assert torch.equal(processor(image, return_tensors="pt").pixel_values[0], batch[index])
    assert torch.equal(processor([[images[0]], images[1:]], return_tensors="pt").pixel_values, batch)
    stacked = np.stack([photo(seed=1), photo(seed=2)])
    assert processor(stacked, return_tensors="np").pixel_values.shape == (2, 3, 16, 16)
    unstacked = processor(images).pixel_values
    assert isinstance(unstacked, list)
    assert [item.shape for item in unstacked] == [(3, 16, 16)] * 3


def test_channel_order_of_input_and_output():
    processor = ViTImageProcessor(size=16)
    first = processor(photo(), return_tensors="np").pixel_values
    last = processor(photo(), return_tensors="np", data_format="channels_last").pixel_values
    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), first)
    flipped = processor(photo(), return_tensors="np", do_flip_channel_order=True).pixel_values
    np.testing.assert_array_equal(flipped, first[:, ::-1])
    strip = photo(3, 50)
    ours, reference = both(VIT, strip, input_data_format="channels_last")
    np.testing.assert_array_equal(ours, reference)


def test_constant_colour():
    pixels = np.full((6, 9, 3), (10, 128, 250), np.uint8)
    got = ViTImageProcessor(image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.4, 0.2])(pixels, do_resize=False, return_tensors="pt")
    assert got["pixel_values"].shape == (1, 3, 6, 9)
    expected = [(10 / 255 - 0.1) / 0.5, (128 / 255 - 0.2) / 0.4, (250 / 255 - 0.3) / 0.2]
    torch.testing.assert_close(got["pixel_values"][0, :, 0, 0], torch.tensor(expected))


def test_padding_a_batch():
    images = [np.ones((3, 4, 6), np.float32), np.ones((3, 5, 3), np.float32)]
    batch = ViTImageProcessor().pad(images, input_data_format="channels_first", return_tensors="pt")
    assert batch.pixel_values.shape == (2, 3, 5, 6)
    assert batch.pixel_mask.sum((1, 2)).tolist() == [24, 15]
    assert batch.pixel_values.sum().item() == 3 * (24 + 15)
    ours, reference = both(VIT, [photo(9, 7), photo(5, 11)], do_resize=False, do_pad=True)
    np.testing.assert_array_equal(ours, reference)
    options = {"do_resize": False, "do_pad": True, "pad_size": {"height": 20, "width": 30}}
    ours, reference = both(VIT, [photo(9, 7), photo(5, 11)], **options)
    np.testing.assert_array_equal(ours, reference)


def test_overrides_leave_the_processor_alone():
    processor = CLIPImageProcessor()
    before = processor.to_dict()
    processor(photo(), size=30, crop_size=20, do_normalize=False, resample=0)
    assert processor.to_dict() == before


def test_saved_files_open_in_the_reference_and_back(tmp_path):
    for ours_class, reference_class in (VIT, CLIP):
        ours = ours_class(size=18, image_mean=[0.1, 0.2, 0.3])
        ours.save_pretrained(tmp_path / "ours")
        opened = reference_class.from_pretrained(tmp_path / "ours")
        np.testing.assert_array_equal(
            ours(photo(), return_tensors="np").pixel_values, opened(photo(), return_tensors="np").pixel_values
        )
        opened.save_pretrained(tmp_path / "theirs")
        again = ours_class.from_pretrained(tmp_path / "theirs")
        stored, written = (
            json.loads((tmp_path / side / "preprocessor_config.json").read_text()) for side in ("ours", "theirs")
        )
        assert stored == written
        assert again == ours
        assert ours_class.from_pretrained(tmp_path / "theirs", do_resize=False).do_resize is False


def test_old_files_are_read(tmp_path):
    old = {"feature_extractor_type": "CLIPFeatureExtractor", "size": 24, "crop_size": 20, "resample": 3, "unknown_key": [1]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(old))
    processor = CLIPImageProcessor.from_pretrained(tmp_path)
    reference = CLIPImageProcessorPil.from_pretrained(tmp_path)
    np.testing.assert_array_equal(processor(photo()).pixel_values[0], reference(photo()).pixel_values[0])
    assert processor.size == {"shortest_edge": 24}
    assert processor.crop_size["height"] == 20
    assert "shortest_edge" in processor.size
    saved = processor.to_dict()
    assert "feature_extractor_type" not in saved
    assert saved["image_processor_type"] == "CLIPImageProcessor"
    assert saved["unknown_key"] == [1]
    assert ViTFeatureExtractor is ViTImageProcessorFast is ViTImageProcessor


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((0, 4, 3), np.uint8), {}, "no pixels"),
        (Image.new("RGB", (0, 5)), {}, "no pixels"),
        (np.zeros((5, 4, 4), np.uint8), {}, "4 channels.*do_convert_rgb=True"),
        (np.zeros((9, 8), np.uint8), {}, "1 channels.*do_convert_rgb=True"),
        (np.zeros((5, 6, 7), np.uint8), {}, "input_data_format"),
        (np.zeros((2, 3, 4, 5, 6, 3), np.uint8), {}, "shape"),
        (np.full((8, 8, 3), np.nan), {}, "NaN"),
        (np.full((8, 8, 3), np.inf), {}, "infinite"),
        (np.full((8, 8, 3), -1.0), {}, "-1"),
        (np.full((8, 8, 3), 65535, np.uint16), {}, "65535"),
        (np.full((8, 8, 3), "a"), {}, "numbers were expected"),
        (np.full((8, 8, 3), 1j), {}, "numbers were expected"),
        (np.full((8, 8, 3), None), {}, "numbers were expected"),
        (torch.zeros(8, 8, 3).to_sparse(), {}, "image 0 is a tensor of another kind .torch.sparse_coo"),
        (torch.zeros(8, 8, 3, device="meta"), {}, r"of another kind \(meta\)"),
        ({"image": 1}, {}, "dict"),
        (None, {}, "NoneType"),
        ([], {}, "no image"),
        ([[1, 2], [3]], {}, "different lengths"),
        ("http://example.org/cat.png", {}, "load_image"),
        ("definitely not a file", {}, "neither an existing image file nor base64"),
        ([photo(9, 9), photo(8, 8)], {"do_resize": False, "return_tensors": "pt"}, "rows differ"),
    ],
)
def test_bad_images_are_told(image, options, message):
    with pytest.raises(InputError, match=message):
        ViTImageProcessor()(image, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"do_resiz": False}, ArgumentError, "do_resize"),
        ({"data_format": "NCHW"}, ArgumentError, "channels_first"),
        ({"return_tensors": "tf"}, ArgumentError, '"pt"'),
        ({"size": {"height": 3}}, ConfigError, "shortest_edge"),
        ({"size": {"height": 0, "width": 3}}, ConfigError, "size: height is 0"),
        ({"size": -5}, ConfigError, "expected a whole number from 1"),
        ({"resample": 17}, ConfigError, "BICUBIC"),
        ({"do_center_crop": True}, ConfigError, "crop_size"),
        ({"image_std": [0.5, 0.0, 0.5]}, ConfigError, "image_std"),
        ({"image_std": [0.5, -1.0, 0.5]}, ConfigError, "image_std"),
        ({"image_mean": [0.5, math.nan, 0.5]}, ConfigError, "image_mean"),
        ({"image_mean": "abc"}, ConfigError, "image_mean"),
        ({"rescale_factor": math.nan}, ConfigError, "rescale_factor is nan; expected a number"),
        ({"rescale_factor": "1/255"}, ConfigError, "rescale_factor is '1/255'; expected a number"),
        ({"size": 10**9}, ConfigError, "size: height is 1000000000"),
        ({"size": {"height": 10**5, "width": 10**5}}, ConfigError, "at most 67108864 pixels"),
        ({"size": {"shortest_edge": 10**5}}, InputError, "would be resized to"),
        ({"size": {"longest_edge": 10**9}}, ConfigError, "longest_edge"),
        ({"crop_size": 10**9, "do_center_crop": True}, ConfigError, "crop_size"),
        ({"pad_size": 10**9, "do_pad": True}, ConfigError, "pad_size"),
        ({"do_resize": "no"}, ConfigError, "do_resize is 'no'; expected true or false"),
    ],
)
def test_bad_options_are_told(options, error, message):
    with pytest.raises(error, match=message):
        ViTImageProcessor()(photo(), **options)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileMissing, match=r"nothing\.png"):
        ViTImageProcessor()(tmp_path / "nothing.png")
    with pytest.raises(FileMissing, match=r"preprocessor_config\.json"):
        ViTImageProcessor.from_pretrained(tmp_path)


def test_keywords_of_opening(tmp_path):
    ViTImageProcessor(size=18).save_pretrained(tmp_path)
    plain = ViTImageProcessor.from_pretrained(tmp_path)
    assert ViTImageProcessor.from_pretrained(tmp_path, use_fast=True, backend="pil") == plain
    opened, unused = ViTImageProcessor.from_pretrained(tmp_path, return_unused_kwargs=True, do_resize=False, foo=3)
    assert (opened.do_resize, unused) == (False, {"foo": 3})
    assert "foo" not in opened.to_dict()
    for name, value in (("image_processor_type", "x" * 10**5), ("padding_side", "x" * 10**5)):
        (tmp_path / "preprocessor_config.json").write_text(json.dumps({name: value}))
        opener = AutoImageProcessor if name == "image_processor_type" else WhisperFeatureExtractor
        with pytest.raises(ValueError, match="xxx") as caught:
            opener.from_pretrained(tmp_path)
        assert len(str(caught.value)) < 500
