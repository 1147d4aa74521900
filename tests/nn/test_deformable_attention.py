"""Deformable attention against torch's own sampling of pictures, map by map."""

import pytest
import torch
from torch.nn.functional import grid_sample

from bestiary.core.errors import InputError
from bestiary.nn.deformable_attention import DeformableAttend, DeformableAttention
from bestiary.nn.init import start_as_told

SIZES = [(4, 6), (2, 3), (1, 1)]
PLACES = sum(rows * columns for rows, columns in SIZES)


def sampled(values: torch.Tensor, places: torch.Tensor, shares: torch.Tensor, points: list[int]) -> torch.Tensor:
    """What `DeformableAttend` gives, by `grid_sample`."""
    batch, _, heads, width = values.shape
    found = []
    for each, (rows, columns), of_map in zip(
        values.split([r * c for r, c in SIZES], 1), SIZES, places.split(points, 3), strict=True
    ):
        picture = each.permute(0, 2, 3, 1).reshape(batch * heads, width, rows, columns)
        grid = (2 * of_map - 1).transpose(1, 2).flatten(0, 1)
        found.append(grid_sample(picture, grid, align_corners=False))
    mixed = (torch.cat(found, -1) * shares.transpose(1, 2).flatten(0, 1)[:, None]).sum(-1)
    return mixed.view(batch, heads * width, -1).transpose(1, 2)


@pytest.mark.parametrize("points", [[2, 2, 2], [3, 1, 2]], ids=str)
def test_values_and_gradients_are_those_of_sampling_map_by_map(points: list[int]) -> None:
    torch.manual_seed(0)
    values = torch.randn(2, PLACES, 4, 5, requires_grad=True)
    places = (torch.rand(2, 7, 4, sum(points), 2) * 1.6 - 0.3).requires_grad_()  # some lie outside of the maps
    shares = torch.rand(2, 7, 4, sum(points)).softmax(-1).requires_grad_()
    ours = DeformableAttend(points)(values, SIZES, places, shares)
    theirs = sampled(values, places, shares, points)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    for mine, other in zip(
        *(torch.autograd.grad(x.square().sum(), (values, places, shares)) for x in (ours, theirs)), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)


def test_the_nearest_pixel() -> None:
    values = torch.arange(6.0).view(1, 6, 1, 1)
    places = torch.tensor([[0.0, 0.0], [0.99, 0.99], [0.5, 2.0], [-1.0, 0.4]]).view(1, 4, 1, 1, 2)
    found = DeformableAttend([1], nearest=True)(values, [(2, 3)], places, torch.ones(1, 4, 1, 1))
    assert found.flatten().tolist() == [0, 5, 5, 3]


def test_padding_counts_nothing_and_a_box_scales_its_offsets() -> None:
    torch.manual_seed(0)
    attention = DeformableAttention(8, 2, [2, 2, 2])
    start_as_told(attention)
    query, memory = torch.randn(1, 3, 8), torch.randn(1, PLACES, 8)
    real = torch.arange(PLACES)[None] % 3 > 0
    center = torch.rand(1, 3, 1, 2)
    hidden = memory.masked_fill(~real[..., None], 1e6)
    torch.testing.assert_close(
        attention(query, hidden, center, SIZES, real), attention(query, memory, center, SIZES, real), rtol=0, atol=0
    )
    # First offsets are whole steps: 1 and 2 to the right for the first head; half a box divided by its two points.
    offsets = attention.sampling_offsets(query).unflatten(-1, (2, 6, 2))
    assert offsets[0, 0, 0].tolist() == [[1, 0], [2, 0]] * 3
    box = torch.cat((center, torch.full_like(center, 0.4)), dim=-1)
    places = attention._places(offsets, box, SIZES) - center[:, :, None]
    torch.testing.assert_close(places[0, 0, 0, :2], torch.tensor([[0.1, 0.0], [0.2, 0.0]]))
    pixels = attention._places(offsets, center, SIZES) - center[:, :, None]
    torch.testing.assert_close(pixels[0, 0, 0, ::2, 0], torch.tensor([1 / 6, 1 / 3, 1.0]))


def test_what_does_not_fit_is_named() -> None:
    attention = DeformableAttention(8, 2, [2, 2])
    query, memory, center = torch.randn(1, 3, 8), torch.randn(1, 30, 8), torch.rand(1, 3, 1, 2)
    with pytest.raises(InputError, match="30 places of memory for 2 maps"):
        attention(query, memory, center, [(4, 6), (2, 2)])
    with pytest.raises(InputError, match="3 numbers; expected 2"):
        attention(query, memory, torch.rand(1, 3, 1, 3), [(4, 6), (2, 3)])
