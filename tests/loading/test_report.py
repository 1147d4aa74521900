"""Layer numbers folded into one line."""

import pytest

from bestiary.loading.report import fold


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([], []),
        (["a.b"], ["a.b"]),
        (["h.3.w"], ["h.3.w"]),
        ([f"h.{i}.w" for i in range(12)], ["h.{0..11}.w"]),
        (["h.0.w", "h.2.w", "h.3.w", "h.4.w", "h.9.w"], ["h.{0,2..4,9}.w"]),
        ([f"h.{i}.e.{j}.w" for i in range(2) for j in range(4)], ["h.{0..1}.e.{0..3}.w"]),
        (["h.0.e.0.w", "h.0.e.1.w", "h.1.e.5.w"], ["h.0.e.{0..1}.w", "h.1.e.5.w"]),
        (["h.0.w", "h.0.b", "h.1.w", "h.1.b"], ["h.{0..1}.w", "h.{0..1}.b"]),
        (["w1.x2", "w1.x3"], ["w1.x2", "w1.x3"]),
        (["0.{}.w", "1.{}.w"], ["{0..1}.{}.w"]),
        (["{0.__class__}.1"], ["{0.__class__}.1"]),
    ],
)
def test_fold(names, folded):
    assert fold(names) == folded
