"""Reading images: every source, damaged files, bombs, and the network only where it was asked for."""

import base64
import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features
from PIL.Image import DecompressionBombWarning

from bestiary.core.errors import ArgumentError, BestiaryError, CorruptFile, FileMissing, HubError, InputError
from bestiary.models.vit.image_processor import ViTImageProcessor
from bestiary.preprocess import sources
from bestiary.preprocess.image.reading import load_image

RNG = np.random.default_rng(0)
PICTURE = Image.fromarray(RNG.integers(0, 256, (13, 17, 3), dtype=np.uint8))


def encoded(kind="PNG", image=PICTURE):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def test_every_source_gives_the_same_picture(tmp_path):
    content = encoded()
    (tmp_path / "a.png").write_bytes(content)
    text = base64.b64encode(content).decode()
    sources = [PICTURE, content, tmp_path / "a.png", str(tmp_path / "a.png"), text, f"data:image/png;base64,{text}"]
    for source in sources:
        assert load_image(source).tobytes() == PICTURE.tobytes()


def test_the_picture_is_turned_upright_and_rgb():
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    PICTURE.convert("L").save(buffer, "PNG", exif=exif)
    upright = load_image(buffer.getvalue())
    assert upright.mode == "RGB"
    assert upright.size == (PICTURE.size[1], PICTURE.size[0])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_cut_files_are_corrupt(kind):
    content = encoded(kind)
    for cut in (0, 1, 10, len(content) // 2):
        with pytest.raises(CorruptFile, match="bytes"):
            ViTImageProcessor()(content[:cut])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", *(["AVIF"] if features.check("avif") else [])])
def test_damaged_files_raise_only_our_errors(kind):
    dice = random.Random(7)
    content = encoded(kind)
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            ViTImageProcessor(size=4)(bytes(damaged))
            outcomes.add("read")
        except BestiaryError:
            outcomes.add("refused")
    assert outcomes


def test_a_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64)
    with pytest.raises(InputError, match="pixels"):
        load_image(encoded())
    with pytest.raises(InputError, match=r"set PIL.Image.MAX_IMAGE_PIXELS \(now 64; twice as many are read\) higher"):
        load_image(encoded())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    with pytest.warns(DecompressionBombWarning):
        load_image(encoded())


def test_a_bomb_is_refused_by_what_its_head_says():
    """A file of 60 bytes that says it has 30,000 x 30,000 pixels is not decoded."""
    content = bytearray(encoded())
    content[16:24] = struct.pack(">II", 30_000, 30_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    with pytest.raises(InputError, match="900000000 pixels"):
        ViTImageProcessor()(bytes(content[:60]))


def test_one_pixel_and_none():
    for mode in ("RGB", "L", "P", "RGBA", "I;16"):
        assert ViTImageProcessor(size=4, do_convert_rgb=True)(Image.new(mode, (1, 1)))["pixel_values"][0].shape == (3, 4, 4)
        for size in ((0, 3), (3, 0), (0, 0)):
            with pytest.raises(InputError, match="has no pixels"):
                ViTImageProcessor(size=4)(Image.new(mode, size))


def test_the_network_is_not_touched_offline(monkeypatch):
    monkeypatch.setenv("BESTIARY_OFFLINE", "1")
    with pytest.raises(HubError, match="offline"):
        load_image("https://example.org/cat.png")


def test_an_address_is_fetched_when_asked(local_server):
    address = local_server({"/cat.png": encoded()})
    assert load_image(f"{address}/cat.png").tobytes() == PICTURE.tobytes()
    with pytest.raises(HubError, match="404"):
        load_image(f"{address}/dog.png")
    for wrong in ("http://[", "http://a b/c", "http://\ud800/x"):
        with pytest.raises(HubError, match="could not be fetched"):
            load_image(wrong)
    for timeout in ("x", -1, 0, float("nan"), [3]):
        with pytest.raises(ArgumentError, match="timeout is .*; expected a number above 0"):
            load_image(f"{address}/cat.png", timeout)


@pytest.mark.parametrize(
    ("limit", "message"), [("LONGEST_DOWNLOAD", "was not there after"), ("LARGEST_DOWNLOAD", "larger than")]
)
def test_a_server_that_sends_without_end(local_server, monkeypatch, limit, message):
    address = local_server({"/cat.png": encoded()})
    monkeypatch.setattr(sources, limit, -1)
    with pytest.raises(HubError, match=message):
        load_image(f"{address}/cat.png")


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (7, InputError, "int"),
        ("no such file.png", InputError, "base64"),
        ("data:image/png,abc", InputError, "data URL"),
        (b"GIF89a", CorruptFile, "not an image"),
        ("x" * 5000, CorruptFile, "not an image"),
    ],
)
def test_bad_sources_are_told(source, error, message):
    with pytest.raises(error, match=message):
        load_image(source)


def test_a_missing_path_is_told(tmp_path):
    with pytest.raises(FileMissing, match="cannot be read"):
        load_image(tmp_path / "no.png")
