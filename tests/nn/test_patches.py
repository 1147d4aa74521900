"""Patches: grids, what pixels may come in, positions of other sizes."""

import pytest
import torch

from bestiary.core.errors import ConfigError, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.nn.patches import check_pixels, grid, stretch


@pytest.mark.parametrize(("image", "patch", "expected"), [(224, 16, (14, 14)), ([32, 48], [8, 16], (4, 3)), (30, 8, (3, 3))])
def test_grid_counts_whole_patches(image: object, patch: object, expected: tuple[int, int]) -> None:
    assert grid(image, patch) == expected


@pytest.mark.parametrize(("image", "patch"), [(8, 16), (16, 0), ([32, 4], 8)])
def test_grid_without_a_patch_is_refused(image: object, patch: object) -> None:
    with pytest.raises(ConfigError, match="holds no patch"):
        grid(image, patch)


@pytest.mark.parametrize(
    ("pixels", "image", "message"),
    [
        (None, 16, "pass pixel_values"),
        (torch.zeros(3, 16, 16), 16, r"shape \(3, 16, 16\).*\(batch, 3, height, width\)"),
        (torch.zeros(1, 4, 16, 16), 16, "4 channels .* expects 3"),
        (torch.zeros(1, 16, 16, 3), 16, "16 channels .* expects 3"),
        (torch.zeros(1, 3, 24, 16), 16, "24 x 16 pixels do not fit a model for 16 x 16"),
        (torch.zeros(1, 3, 16, 7), None, "16 x 7 pixels are smaller than one patch, 8 x 8"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.complex64), 16, "torch.complex64; expected floating-point"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.bool), None, "torch.bool; expected floating-point"),
        (torch.zeros(1, 3, 0, 0), None, "0 x 0 pixels"),
    ],
)
def test_wrong_pixels_are_named(pixels: torch.Tensor | None, image: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_pixels(pixels, 3, 8, image)


def test_pixels_behind_the_last_patch_are_told() -> None:
    with pytest.warns(BestiaryWarning, match="last 2 rows and 5 columns"):
        check_pixels(torch.zeros(1, 3, 18, 13), 3, 8, None)


def test_stretch_keeps_leading_positions_and_constants() -> None:
    table = torch.cat((torch.arange(4.0).expand(1, 4), torch.full((6, 4), 2.0)))
    wider = stretch(table, (2, 3), (4, 5))
    assert wider.shape == (21, 4)
    assert torch.equal(wider[0], table[0])
    torch.testing.assert_close(wider[1:], torch.full((20, 4), 2.0))


def test_stretch_knows_rows_from_columns() -> None:
    rows = torch.arange(2.0).repeat_interleave(3).unsqueeze(1)
    taller = stretch(rows, (2, 3), (4, 3), leading=0).view(4, 3)
    assert torch.equal(taller, taller[:, :1].expand(4, 3))
    assert bool((taller[1:, 0] > taller[:-1, 0]).all())


def test_stretch_to_the_same_grid_is_the_table_itself() -> None:
    table = torch.randn(7, 4)
    assert stretch(table, (2, 3), (2, 3)) is table
