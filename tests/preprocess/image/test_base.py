"""Image processors that users write: on the base, on the usual steps, on a family's; and the steps called one by one."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import image_processing_backends, processing_utils
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import bestiary
from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.preprocess.call_options import ImagesKwargs

OURS = SimpleNamespace(
    BaseImageProcessor=bestiary.BaseImageProcessor,
    PilBackend=bestiary.PilBackend,
    ViT=bestiary.ViTImageProcessor,
    ConvNext=bestiary.ConvNextImageProcessor,
    Auto=bestiary.AutoImageProcessor,
    Config=bestiary.PreTrainedConfig,
    Batch=bestiary.BatchFeature,
    Size=bestiary.preprocess.image.transforms.SizeDict,
    Keywords=ImagesKwargs,
)
THEIRS = SimpleNamespace(
    BaseImageProcessor=transformers.BaseImageProcessor,
    PilBackend=image_processing_backends.PilBackend,
    ViT=ViTImageProcessorPil,
    ConvNext=ConvNextImageProcessorPil,
    Auto=transformers.AutoImageProcessor,
    Config=transformers.PreTrainedConfig,
    Batch=transformers.BatchFeature,
    Size=transformers.image_utils.SizeDict,
    Keywords=processing_utils.ImagesKwargs,
)
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 255, (12, 10, 3)).astype(np.uint8)
PLANES = np.ascontiguousarray(PHOTO.transpose(2, 0, 1))


def on_the_base(library: Any) -> Any:
    class Own(library.BaseImageProcessor):  # type: ignore[misc]
        model_input_names = ["pixel_values"]

        def __init__(self, do_resize: bool = True, scale: float = 2.0, size: Any = None, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.do_resize, self.scale, self.size = do_resize, scale, size or {"height": 6, "width": 4}

        def preprocess(self, images: Any, scale: Any = None, return_tensors: Any = None, **kwargs: Any) -> Any:
            pixels = []
            for image in self.fetch_images(images if isinstance(images, list) else [images]):
                array = self.rescale(image, scale or self.scale, input_data_format="channels_last")
                array = self.normalize(array, [0.5, 0.4, 0.3], [2, 3, 4], input_data_format="channels_last")
                pixels.append(self.center_crop(array, self.size, data_format="channels_first"))
            return library.Batch({"pixel_values": pixels}, tensor_type=return_tensors)

    return Own


def on_the_steps(library: Any) -> Any:
    class Keywords(library.Keywords, total=False):  # type: ignore[misc]
        bonus: float

    class Own(library.PilBackend):  # type: ignore[misc]
        valid_kwargs = Keywords
        resample = 3
        size = {"shortest_edge": 8}
        default_to_square = False
        crop_size = {"height": 6, "width": 6}
        image_mean = [0.1, 0.2, 0.3]
        image_std = [0.4, 0.5, 0.6]
        do_resize = do_center_crop = do_rescale = do_normalize = True
        bonus = 0.5

        def normalize(self, image: Any, mean: Any, std: Any, **kwargs: Any) -> Any:
            return super().normalize(image, mean, std, **kwargs) + self.bonus

    return Own


def in_one(library: Any) -> Any:
    class Own(library.PilBackend):  # type: ignore[misc]
        size = {"height": 5, "width": 7}
        resample = 0
        do_resize = True

        def _preprocess(self, images: Any, size: Any, do_resize: bool, return_tensors: Any, **kwargs: Any) -> Any:
            assert (kwargs["do_rescale"], self.backend) == (kwargs["do_rescale"], "pil")
            images = [self.resize(image, size, resample=0) if do_resize else image for image in images]
            images = [image[:, : size.height - 1] for image in images]
            return library.Batch({"pixel_values": images, "edges": [size.height, size["width"]]}, tensor_type=return_tensors)

    return Own


def on_a_family(library: Any) -> Any:
    class Own(library.ViT):  # type: ignore[misc]
        def resize(self, image: Any, size: Any, resample: Any = None, **kwargs: Any) -> Any:
            return super().resize(image, library.Size(height=size.height // 2, width=size.width), resample, **kwargs)

    return Own


def both(write: Any) -> tuple[Any, Any]:
    return write(OURS), write(THEIRS)


def same(ours: Any, theirs: Any) -> None:
    assert list(ours) == list(theirs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6, rtol=1e-5)
        assert type(ours[name]) is type(theirs[name])


@pytest.mark.parametrize("write", [on_the_base, on_the_steps, in_one, on_a_family])
@pytest.mark.parametrize("kind", [None, "np", "pt"])
def test_written_by_a_user(write: Any, kind: str | None) -> None:
    for images in (PHOTO, [PHOTO, PHOTO[::-1].copy()]):
        same(*(own()(images, return_tensors=kind) for own in both(write)))


@pytest.mark.parametrize(
    "options", [{}, {"size": {"height": 3, "width": 5}}, {"note": 3, "processor_class": "Bundle"}], ids=str
)
@pytest.mark.parametrize("write", [on_the_base, on_the_steps, in_one, on_a_family])
def test_settings(write: Any, options: dict[str, Any]) -> None:
    ours, theirs = (json.loads(own(**options).to_json_string()) for own in both(write))
    assert {name: ours[name] for name in theirs} == theirs
    if write is on_the_base:
        assert ours == theirs


@pytest.mark.parametrize("write", [on_the_base, on_the_steps])
def test_saved_and_opened(write: Any, tmp_path: Path) -> None:
    for own, folder in zip(both(write), ("ours", "theirs"), strict=True):
        own(rescale_factor=0.25, note=[1, 2]).save_pretrained(tmp_path / folder)
    for own in both(write):
        for folder in ("ours", "theirs"):
            opened = own.from_pretrained(tmp_path / folder)
            assert (opened.rescale_factor, opened.note, type(opened)) == (0.25, [1, 2], own)
            opened, unused = own.from_pretrained(tmp_path / folder, note=4, unknown=5, return_unused_kwargs=True)
            assert (opened.note, unused) == (4, {"unknown": 5})
            assert own.from_json_file(tmp_path / folder / "preprocessor_config.json").rescale_factor == 0.25


def test_unknown_keywords_are_left_aside_and_told(tmp_path: Path) -> None:
    bestiary.ViTImageProcessor().save_pretrained(tmp_path)
    with pytest.warns(BestiaryWarning, match="ViTImageProcessor has no settings nope; they change nothing"):
        assert "nope" not in bestiary.AutoImageProcessor.from_pretrained(tmp_path, nope=1).to_dict()
    assert "nope" not in transformers.AutoImageProcessor.from_pretrained(tmp_path, nope=1).to_dict()
    for opener in (bestiary.AutoImageProcessor, transformers.AutoImageProcessor):
        assert opener.from_pretrained(tmp_path, nope=1, return_unused_kwargs=True)[1] == {"nope": 1}
    with pytest.raises(ConfigError, match="do_resize"):
        bestiary.AutoImageProcessor.from_pretrained(tmp_path, do_resise=False)


def test_registered(tmp_path: Path) -> None:
    for library, folder in ((OURS, "ours"), (THEIRS, "theirs")):
        own = on_the_base(library)
        config = type("OwnConfig", (library.Config,), {"model_type": f"own-{folder}"})
        library.Auto.register(config, slow_image_processor_class=own)
        own(scale=4.0).save_pretrained(tmp_path / folder)
        opened = library.Auto.from_pretrained(tmp_path / folder)
        assert (type(opened), opened.scale) == (own, 4.0)


@pytest.mark.parametrize("name", ["ViTImageProcessorPil", "ViTImageProcessorFast", "ViTFeatureExtractor"])
def test_names_of_backends_in_files(name: str, tmp_path: Path) -> None:
    processor = bestiary.ViTImageProcessor(size=8)
    processor.save_pretrained(tmp_path)
    file = tmp_path / "preprocessor_config.json"
    file.write_text(file.read_text().replace('"ViTImageProcessor"', f'"{name}"'))
    assert name in file.read_text()
    assert bestiary.AutoImageProcessor.from_pretrained(tmp_path) == processor
    assert getattr(bestiary, name) is bestiary.ViTImageProcessor


SIZES: list[dict[str, int]] = [
    {"height": 5, "width": 9},
    {"shortest_edge": 6},
    {"shortest_edge": 6, "longest_edge": 7},
    {"max_height": 6, "max_width": 30},
]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_resize(size: dict[str, int]) -> None:
    for resample in (None, 0, 2, 3):
        answers = [
            library.ViT(default_to_square=False).resize(PLANES, library.Size(**size), resample) for library in (OURS, THEIRS)
        ]
        np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("edge", [200, 384])
def test_resize_that_crops(edge: int) -> None:
    for more in ({}, {"crop_pct": 0.5}):
        answers = [library.ConvNext().resize(PLANES, library.Size(shortest_edge=edge), 3, **more) for library in (OURS, THEIRS)]
        np.testing.assert_array_equal(*answers)


def test_steps() -> None:
    ours, theirs = OURS.ViT(), THEIRS.ViT()
    floats = ours.rescale(PLANES, 1 / 255)
    np.testing.assert_allclose(floats, theirs.rescale(PLANES, 1 / 255), rtol=1e-6)
    for mean, std in (((0.1, 0.2, 0.3), (1, 2, 3)), (0.5, 0.25)):
        np.testing.assert_allclose(ours.normalize(floats, mean, std), theirs.normalize(floats, mean, std), atol=1e-6)
    for edges in ({"height": 4, "width": 5}, {"height": 20, "width": 15}, {"height": 3, "width": 17}):
        answers = [library.ViT().center_crop(PLANES, library.Size(**edges)) for library in (OURS, THEIRS)]
        np.testing.assert_array_equal(*answers)
    grey = RNG.integers(0, 255, (5, 6)).astype(np.uint8)
    for image in (PHOTO, grey, torch.from_numpy(PLANES)):
        np.testing.assert_array_equal(ours.process_image(image), theirs.process_image(image))
    np.testing.assert_array_equal(ours.process_image(grey[None], True), theirs.process_image(grey[None], True))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "symmetric"])
@pytest.mark.parametrize("size", [None, {"height": 14, "width": 16}], ids=str)
def test_pad(mode: str, size: Any) -> None:
    images = [PLANES, PLANES[:, :9, :7]]
    for is_masked in (False, True):
        answers = []
        for library in (OURS, THEIRS):
            pad_size = library.Size(**size) if size else None
            answers.append(library.ViT().pad(images, pad_size, 7, padding_mode=mode, return_mask=is_masked))
        ours, theirs = ([*each[0], *each[1]] if is_masked else each for each in answers)
        assert len(ours) == len(theirs)
        assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_steps_take_images_of_either_order() -> None:
    processor = OURS.ViT()
    by_rows = processor.resize(PHOTO, {"height": 5, "width": 6}, input_data_format="channels_last")
    assert by_rows.shape == (5, 6, 3)
    np.testing.assert_array_equal(by_rows.transpose(2, 0, 1), processor.resize(PLANES, {"height": 5, "width": 6}))
    turned = processor.rescale(PHOTO, 0.5, data_format="channels_first", input_data_format="channels_last")
    np.testing.assert_array_equal(turned, processor.rescale(PLANES, 0.5))


@pytest.mark.parametrize("shape", [(4, 50, 3), (4, 4, 3), (3, 9, 4), (50, 1, 1), (4, 6, 1)], ids=str)
def test_four_rows_are_no_channels(shape: tuple[int, ...]) -> None:
    pixels = RNG.integers(0, 255, shape).astype(np.uint8)
    ours, theirs = OURS.BaseImageProcessor(), THEIRS.BaseImageProcessor()
    size = {"height": 2, "width": 2}
    np.testing.assert_array_equal(ours.center_crop(pixels, size), theirs.center_crop(pixels, size))
    np.testing.assert_allclose(ours.normalize(pixels, 0.5, 0.25), theirs.normalize(pixels, 0.5, 0.25), rtol=1e-5)
    assert ours.center_crop(np.zeros((9, 9, 4), np.uint8), size).shape == (2, 2, 4)


def test_what_is_refused() -> None:
    with pytest.raises(ArgumentError, match="has no preprocess"):
        OURS.BaseImageProcessor()(PHOTO)
    with pytest.raises(InputError, match=r"an array \(C, Y, X\) or \(Y, X, C\) was expected; found Tensor"):
        OURS.ViT().rescale(torch.zeros(3, 4, 5), 2.0)
    with pytest.raises(InputError, match="found int"):
        OURS.ViT().fetch_images([3])
    with pytest.raises(ArgumentError, match="padding_mode must be one of"):
        OURS.ViT().pad([PLANES], {"height": 20, "width": 20}, padding_mode="mirror")
    with pytest.raises(ConfigError, match="size must have height and width"):
        OURS.ViT().center_crop(PLANES, {"shortest_edge": 3})
    with pytest.raises(KeyError, match="not 'depth'"):
        OURS.Size(height=3)["depth"]
    with pytest.raises(AttributeError, match="not 'depth'"):
        OURS.Size(height=3).depth  # noqa: B018
