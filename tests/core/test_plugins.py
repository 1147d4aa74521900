"""Plug-ins by file name, and what their files say of themselves without being imported."""

import sys

import pytest

from bestiary.core import plugins
from bestiary.core.errors import UnknownArchitecture


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package `zoo` with a folder `pens`; returns a function that writes a plug-in."""
    pens = tmp_path / "zoo" / "pens"
    pens.mkdir(parents=True)
    (pens.parent / "__init__.py").write_text("")
    (pens / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> None:
        (pens / f"{name}.py").write_text(text)

    yield write
    for module in [name for name in sys.modules if name.partition(".")[0] == "zoo"]:
        del sys.modules[module]
    for cached in (plugins.names, plugins.expressions, plugins.literals, plugins.in_order, plugins.published):
        cached.cache_clear()


def test_constants_are_read_without_importing(folder):
    folder("ape", 'raise RuntimeError("imported")\n\nFOOD = (\n    "figs",\n    # and more\n    "nuts",\n)\nROOM = 3\n')
    folder("bat", 'FOOD: tuple[str, ...] = ("moths",)\n\n\ndef feed() -> None:\n    FOOD = 3\n')
    folder("cat", "FOODS = 1\n")
    assert plugins.literals("zoo.pens", "FOOD") == {"ape": ("figs", "nuts"), "bat": ("moths",)}
    assert plugins.literals("zoo.pens", "ROOM") == {"ape": 3}
    assert plugins.expressions("zoo.pens", "FOODS") == {"cat": "1"}


def test_a_folder_can_be_a_plug_in_too(folder, tmp_path):
    (tmp_path / "zoo" / "pens" / "dog").mkdir()
    (tmp_path / "zoo" / "pens" / "dog" / "__init__.py").write_text("FOOD = 1\n")
    assert plugins.literals("zoo.pens", "FOOD") == {"dog": 1}


def test_what_is_no_literal_is_told_with_its_file(folder):
    folder("ape", "FOOD = print(1)\n")
    with pytest.raises(ValueError, match=r"zoo\.pens\.ape: FOOD .* must be a literal"):
        plugins.literals("zoo.pens", "FOOD")


def test_a_folder_publishes_what_its_plug_ins_do(folder):
    folder("ape", "class Gorilla:\n    class Chest: ...\n\n\nclass _Cub: ...\n")
    folder("bat", 'raise RuntimeError("imported")\n')
    folder("cat", '__all__ = ("Lion",)\n\n\nclass Lion: ...\n\n\nclass Den: ...\n')
    assert plugins.published("zoo.pens") == {"ape": ("Gorilla",), "bat": (), "cat": ("Lion",)}
    find, names = plugins.lazy("zoo", {}, folders=["pens"])
    assert names() == ["Gorilla", "Lion"]
    assert find("Gorilla").__module__ == "zoo.pens.ape"
    with pytest.raises(AttributeError, match="has no attribute 'Zebra'"):
        find("Zebra")


def test_an_unknown_name_is_answered_with_the_nearest(folder):
    folder("night_bat", "")
    assert plugins.load("zoo.pens", "night-bat", "animal").__name__ == "zoo.pens.night_bat"
    with pytest.raises(UnknownArchitecture, match="unknown animal 'night_cat'. Did you mean 'night_bat'"):
        plugins.load("zoo.pens", "night_cat", "animal")


def test_a_room_of_the_library_has_the_public_names_of_its_modules():
    assert plugins.public_names("bestiary.structured")["Choice"] == "forms"
    assert plugins.public_names("bestiary.generation")["TopKLogitsWarper"] == "processors.top_k"
    assert "Cache" not in plugins.public_names("bestiary.generation")
