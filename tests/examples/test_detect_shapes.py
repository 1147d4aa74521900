"""The program that trains a tiny detector on drawn shapes: it learns, is kept as a checkpoint, and what it finds is drawn."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from bestiary import pipeline


def test_pictures_show_what_is_said(program: Callable[[str], ModuleType]) -> None:
    shapes = program("detect_shapes")
    pictures, annotations = shapes.drawn(3, 12)
    assert [each.tobytes() for each in shapes.drawn(3, 12)[0]] == [each.tobytes() for each in pictures]
    for picture, annotation in zip(pictures, annotations, strict=True):
        assert 1 <= len(annotation["annotations"]) <= 3
        for each in annotation["annotations"]:
            left, top, side, _ = each["bbox"]
            inside = picture.getpixel((left + side // 2, top + side // 2))
            assert min(inside) >= 120 > 60 > max(picture.getpixel((max(left - 1, 0), max(top - 1, 0)))) or min(left, top) == 0


def test_shapes_are_looked_for(
    program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes, picture = program("detect_shapes"), tmp_path / "shapes.png"
    monkeypatch.setattr(shapes, "HELD_OUT", 8)
    options = ["--steps", "2", "--pictures", "16", "--out", str(tmp_path / "model"), "--picture", str(picture)]
    precision = shapes.main(options)
    assert 0 <= precision <= 1
    assert f"mean average precision {precision:.3f}" in capsys.readouterr().out
    with Image.open(picture) as drawn:
        assert drawn.size == (1024, 512)
    found = pipeline("object-detection", tmp_path / "model")(shapes.drawn(1, 1)[0][0], threshold=0.0)
    assert {each["label"] for each in found} <= set(shapes.SHAPES.values())
    assert len(found) == 36  # twelve queries, three classes
