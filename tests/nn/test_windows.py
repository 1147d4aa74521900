"""Windows of maps by hand; the parity suite compares the models of them."""

import pytest
import torch

from bestiary import SwinConfig, SwinModel
from bestiary.nn.windows import from_windows, pair_biases, shift_mask, to_windows


def test_windows_are_put_together_again() -> None:
    x = torch.randn(2, 6, 9, 4)
    windows = to_windows(x, 3)
    assert windows.shape == (12, 9, 4)
    assert torch.equal(windows[4].view(3, 3, 4), x[0, 3:6, 3:6])
    assert torch.equal(from_windows(windows, 3, 6, 9), x)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_biases_of_pairs(size: int) -> None:
    table = torch.randn(49, 2)  # windows of 4 a side have distances from -3 to 3 both ways
    biases = pair_biases(table, size)
    for query in range(size**2):
        for key in range(size**2):
            down, across = query // size - key // size, query % size - key % size
            assert torch.equal(biases[0, :, query, key], table[(down + 3) * 7 + across + 3])


def test_places_that_were_no_neighbours_do_not_look_at_each_other() -> None:
    size, shift = 4, 2
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(12), indexing="ij")
    places = torch.stack((rows, columns), -1)[None].roll((-shift, -shift), (1, 2))
    windows, mask = to_windows(places, size), shift_mask(8, 12, size, shift, torch.zeros(1))
    apart = (windows[:, :, None] - windows[:, None]).abs().amax(-1) >= size
    assert torch.equal(mask[:, 0] < 0, apart)
    assert set(mask.unique().tolist()) == {0.0, -100.0}


@torch.no_grad()
def test_a_map_smaller_than_a_window_is_one_window() -> None:
    torch.default_generator.manual_seed(0)
    config = SwinConfig(embed_dim=8, depths=[1, 2], num_heads=[2, 4], image_size=32, patch_size=4, window_size=7)
    output = SwinModel(config).eval()(torch.randn(1, 3, 32, 32), output_attentions=True, output_hidden_states=True)
    assert output.attentions[-1].shape == (1, 4, 16, 16)
    assert [state.shape for state in output.reshaped_hidden_states] == [(1, 8, 8, 8), (1, 16, 4, 4), (1, 16, 4, 4)]
