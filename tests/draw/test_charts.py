"""Charts: points stand where their values are, texts of strangers stay texts, and what is not a number is told."""

import math
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from kit.charts import line_chart, scatter_chart

from bestiary.draw.charts import Series, chart
from bestiary.draw.thinning import smoothed, thinned
from bestiary.draw.ticks import clock, label, log_ticks, ticks

NAME = "{http://www.w3.org/2000/svg}"


def drawn(svg: str) -> Any:
    return ElementTree.fromstring(svg)


def places(svg: str, kind: str = "line") -> list[tuple[float, float]]:
    [path] = [
        each.get("d") for each in drawn(svg).iter(f"{NAME}path") if each.get("class") == kind and "h16" not in each.get("d")
    ]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in drawn(svg).iter(f"{NAME}text")]


def test_points_stand_where_the_marks_of_the_axes_say() -> None:
    svg = line_chart({"loss": [(0, 1.0), (50, 3.0), (100, 2.0)]}, title="Loss", x_title="step")
    marks = {}
    for each in drawn(svg).iter(f"{NAME}text"):
        if re.fullmatch(r"-?[\d.]+", each.text or ""):
            end = each.get("text-anchor") == "end"
            marks["y" if end else "x", float(each.text)] = float(each.get("y")) - 4 if end else float(each.get("x"))
    (x0, y0), (x1, y1), (x2, y2) = places(svg)
    assert (x0, x2) == (marks["x", 0], marks["x", 100])
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert (y0, y1, y2) == pytest.approx((marks["y", 1], marks["y", 3], marks["y", 2]), abs=0.1)
    assert {"Loss", "step"} <= set(texts(svg))


def test_an_axis_of_logarithms() -> None:
    svg = line_chart({"rate": [(1, 1e-5), (2, 1e-3), (3, 1e-1)]}, log_y=True)
    (_, low), (_, middle), (_, high) = places(svg)
    assert low - middle == pytest.approx(middle - high, abs=0.2)
    with_zero = line_chart({"rate": [(1, 0.0), (2, 1e-3)]}, log_y=True)  # then it is an even one
    assert len(places(with_zero)) == 2


@pytest.mark.parametrize(("low", "high"), [(0, 1), (3, 3.0001), (-1e9, 1e9), (1e-7, 3e-7), (0.5, 4e15), (999_999, 1_000_001)])
def test_marks_are_round_and_told_apart(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert 3 <= len(marks) <= 9
    nearly = (high - low) * 1e-6
    assert low - nearly <= marks[0] < marks[-1] <= high + nearly
    words = [label(mark, marks[1] - marks[0]) for mark in marks]
    assert len(set(words)) == len(words)
    for mark, word in zip(marks, words, strict=True):
        scale = {"k": 1e3, "M": 1e6, "G": 1e9}.get(word[-1], 1)
        assert float(word.rstrip("kMG")) * scale == pytest.approx(mark, abs=(marks[1] - marks[0]) / 100)


def test_marks_by_powers_of_ten_and_whole_ones() -> None:
    assert log_ticks(1, 1e4) == [1, 10, 100, 1000, 10_000]
    assert log_ticks(1, 10) == [1, 2, 5, 10]
    assert ticks(1, 3, 6, least=1) == [1, 2, 3]
    assert [label(each) for each in (0, 0.5, 5e-5, 20_000, 1.5e6, 2e12, -3)] == [
        "0",
        "0.5",
        "5e-5",
        "20k",
        "1.5M",
        "2e12",
        "-3",
    ]
    assert [clock(each) for each in (3.21, 45, 125, 3723, 183_845, math.nan)] == [
        "3.2s", "45s", "2:05", "1:02:03", "2d 03:04:05", "?",
    ]  # fmt: skip


def test_texts_of_strangers_stay_texts() -> None:
    evil = "</title><script>alert('1')</script>\x00\x1b[31m\ud800\"&"
    svg = chart([Series(evil, [(1, 2), (2, 3)]), Series("b", [(1, 1)])], title=evil, x_title=evil, y_title=evil,
                marks={evil: [1]}, best=(2, 3), x_names=[evil, evil, evil])  # fmt: skip
    assert "<script" not in svg
    assert not [each for each in drawn(svg).iter() if each.tag.endswith("script")]
    assert any(text.startswith("</title><script>alert('1')") for text in texts(svg))


def test_what_is_no_number_leaves_a_gap_and_is_marked() -> None:
    points = [(1, 1.0), (2, 2.0), (3, math.nan), (4, math.inf), (5, 2.0), (6, 1.0), (math.nan, 3.0)]
    svg = line_chart({"loss": points})
    [path] = [each.get("d") for each in drawn(svg).iter(f"{NAME}path") if each.get("class") == "line"]
    assert path.count("M") == 2
    assert [each.text for each in drawn(svg).iter(f"{NAME}title") if "nan" in each.text or "inf" in each.text] == [
        "loss: nan at 3",
        "loss: inf at 4",
    ]


@pytest.mark.parametrize(
    "points", [[], [(1, math.nan)], [(5, 0.5)], [(1, 2), (2, 2)], [(0, 0), (1, 0)], [(1, 1e308), (2, -1e307)], [(1, 1e-300)]]
)
@pytest.mark.parametrize("options", [{}, {"log_x": True, "log_y": True}, {"from_zero": True}])
def test_any_points_can_be_drawn(points: Any, options: Any) -> None:
    for draw in (line_chart, scatter_chart):
        svg = draw({"a": points}, empty="nothing yet", standalone=True, **options)
        assert ("nothing yet" in texts(svg)) == (not points)
        numbers = [float(each.get(name)) for each in drawn(svg).iter() for name in ("x", "y", "cx", "cy") if each.get(name)]
        assert all(-20 <= number <= 500 for number in numbers)


def test_many_points_make_a_small_picture_that_keeps_the_extremes() -> None:
    points = [(float(step), math.sin(step / 5000)) for step in range(100_000)]
    points[54_321] = (54_321.0, 9.0)
    kept = thinned(points, 600)
    assert len(kept) <= 600
    assert {points[0], points[-1], (54_321.0, 9.0)} <= set(kept)
    assert thinned(points[:10], 600) == points[:10]
    assert len(chart([Series("loss", points, smooth=True)])) < 40_000
    points[100] = (100.0, math.nan)
    assert [x for x, y in thinned(points) if math.isnan(y)] == [100.0]


def test_a_smoothed_curve_is_the_mean_around_each_point() -> None:
    points = [(float(step), float(step % 2)) for step in range(9)]
    assert [y for _, y in smoothed(points, 3)] == pytest.approx([0, 1 / 3, 2 / 3, 1 / 3, 2 / 3, 1 / 3, 2 / 3, 1 / 3, 0])
    line = [(float(step), 3.0 * step) for step in range(50)]
    assert [y for _, y in smoothed(line, 11)] == pytest.approx([y for _, y in line])


def test_dots_steps_and_words() -> None:
    svg = scatter_chart({"trial": [(0, 1), (2, 3)]}, x_names=["sgd", "adamw", "adafactor"])
    assert {"sgd", "adamw", "adafactor"} <= set(texts(svg))
    assert [each.get("class") for each in drawn(svg).iter(f"{NAME}circle")] == ["dot", "dot"]
    tips = chart([Series("trial", [(0, 1), (1, math.nan), (2, 3)], "dots", tips=["first", "second", "third"])])
    assert [each.text for each in drawn(tips).iter(f"{NAME}title")] == ["first", "third", "trial: nan at 1"]
    steps = chart([Series("best", [(0, 3), (1, 2)], "steps")])
    assert re.search(r'd="M[\d.]+ [\d.]+H[\d.]+V[\d.]+"', steps)
