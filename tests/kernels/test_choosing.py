"""Which kernel computes, and what is shown of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bestiary.kernels import blocks, byte_weights, choosing, half, int4, int8, measuring, native, report


@pytest.fixture
def fresh(with_kernels: native.Native, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing was measured, and measuring is quick."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("BESTIARY_MEASURE_KERNELS", "on")
    monkeypatch.setattr(choosing, "_chosen", {})
    monkeypatch.setattr(measuring, "ROWS", (1, 4))
    for module in (int8, int4, blocks, byte_weights, half, measuring, report):
        monkeypatch.setattr(module, "OUTPUTS", 32)
        monkeypatch.setattr(module, "INPUTS", 256)
    return tmp_path / "bestiary" / "kernels"


@pytest.mark.parametrize("kind", report.KINDS, ids=lambda kind: kind.name)
def test_every_kernel_of_a_kind_is_measured(fresh: Path, kind: measuring.Kind) -> None:
    threads = torch.get_num_threads()
    speeds = measuring.measure(kind, choosing.first_choice)
    assert torch.get_num_threads() == threads
    assert set(speeds) == {1, 4}
    assert set(speeds[1]) == set(kind.here())
    assert all(seconds > 0 for each in speeds.values() for seconds in each.values())


def test_what_is_clearly_faster_is_chosen_and_remembered(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def measure(kind: measuring.Kind, first_choice: Any) -> dict[int, dict[str, float]]:
        asked.append(kind.name)
        return {1: {"vectors": 1.0, "tiles": 0.95}, 4: {"vectors": 1.0, "tiles": 0.5}}

    monkeypatch.setattr(measuring, "measure", measure)
    assert choosing.choose(int8.KIND, 1, 100) == choosing.first_choice("int8", 1)
    assert not asked
    assert [choosing.choose(int8.KIND, rows, 1 << 22) for rows in (1, 3, 4, 1000)] == ["vectors", "vectors", "tiles", "tiles"]
    monkeypatch.setattr(choosing, "_chosen", {})
    assert choosing.choose(int8.KIND, 4, 1 << 22) == "tiles"
    assert asked == ["int8"]


def test_beyond_what_was_measured_the_last_rows_speak(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "measure", lambda *_: {1: {"vectors": 1.0, "torch": 0.5}})
    kind = half.KINDS[torch.float16]
    assert [choosing.choose(kind, rows, 1 << 22) for rows in (1, 4, 1000)] == ["torch"] * 3


def test_where_measuring_is_off_the_order_is_fixed(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BESTIARY_MEASURE_KERNELS", "off")
    monkeypatch.setattr(measuring, "measure", lambda *_: pytest.fail("measured"))
    for kind in report.KINDS:
        assert choosing.choose(kind, 1, 1 << 22) == choosing.first_choice(kind.name, 1) == "vectors"
    monkeypatch.setenv("BESTIARY_NATIVE_KERNELS", "off")
    assert {choosing.first_choice(kind.name, 1) for kind in report.KINDS} == {"torch"}


@pytest.mark.parametrize("content", ["", "[]", '{"int8": 3}', '{"int8": {"x": {}}}'])
def test_a_damaged_table_is_measured_again(fresh: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    choosing.measured([int8.KIND])
    (file,) = fresh.glob("speeds-*.json")
    file.write_text(content)
    speeds = choosing.measured([int8.KIND])
    assert set(speeds["int8"]) == {1, 4}
    assert set(json.loads(file.read_text())) == {"int8"}


def test_what_is_shown(fresh: Path) -> None:
    shown = report.speeds()
    assert {each.kind for each in shown} == {kind.name for kind in report.KINDS}
    for each in shown:
        assert each.gflops == pytest.approx(2 * each.rows * 32 * 256 / each.microseconds / 1e3)
    used: dict[Any, int] = {}
    for each in shown:
        used[each.kind, each.rows] = used.get((each.kind, each.rows), 0) + each.chosen
    assert set(used.values()) == {1}
    assert report.machine()["C kernels"].endswith(".so")
