"""Values at the ends of the range of floating-point numbers are drawn."""

import pytest
from kit.charts import line_chart

from bestiary.draw.blocks import block_curve
from bestiary.draw.ticks import ticks

EXTREMES = [
    (1e308, -1e308),
    (5e-324, 0.0),
    (5e-324, 5e-324),
    (5e-324, 1e308),
    (1e308, 1e308),
    (-5e-324, 5e-324),
    (1e16, 1e16 + 2),
]


@pytest.mark.parametrize("values", EXTREMES)
@pytest.mark.parametrize("log_y", [False, True])
def test_a_curve_of_extremes_is_drawn(values: tuple[float, float], log_y: bool) -> None:
    for curve in (list(enumerate(values)), list(enumerate(values * 400))):
        drawn = line_chart({"loss": curve}, log_y=log_y)
        assert "nan" not in drawn
        assert "inf" not in drawn
        assert drawn.count('class="line') == 1
    assert len(ticks(min(values), max(values))) >= 1
    assert any(letter != " " for letter in block_curve(values, 2)[-1])
