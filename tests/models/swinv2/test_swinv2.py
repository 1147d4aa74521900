"""What of Swin V2 the comparison of all families does not reach: sharp scores, absolute positions, earlier windows."""

import pytest
import torch
import transformers

import bestiary

SIZES = {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "image_size": 32, "patch_size": 2, "window_size": 3}


@torch.no_grad()
def test_shifted_windows_where_scores_differ_by_hundreds() -> None:
    torch.default_generator.manual_seed(0)
    published = transformers.Swinv2Model(transformers.Swinv2Config(**SIZES, initializer_range=1.0)).double().eval()
    for name, weight in published.named_parameters():
        if name.endswith("logit_scale"):
            weight.fill_(9.0)
    model = bestiary.Swinv2Model(bestiary.Swinv2Config(**SIZES)).double().eval()
    model.load_state_dict(published.state_dict(), strict=False)
    pixels = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(model(pixels).last_hidden_state, published(pixels).last_hidden_state)


@torch.no_grad()
def test_absolute_positions_are_those_of_patches() -> None:
    model = bestiary.Swinv2Model(bestiary.Swinv2Config(**SIZES, use_absolute_embeddings=True)).eval()
    table, pixels = model.embeddings.position_embeddings, torch.randn(1, 3, 32, 32)
    assert table.shape == (1, 257, 8)
    plain = model.embeddings(pixels)
    table[:, 0] = 5.0  # stands before those of patches
    assert torch.equal(model.embeddings(pixels), plain)
    table[:, 1] = 5.0
    changed = (model.embeddings(pixels) != plain).any(-1)[0]
    assert changed[0, 0]
    assert changed.sum() == 1
    assert model.embeddings(torch.randn(1, 3, 64, 48), interpolate_pos_encoding=True).shape == (1, 32, 24, 8)


def test_an_earlier_window_for_each_stage() -> None:
    with pytest.raises(bestiary.ConfigError, match=r"pretrained_window_sizes \[4\] name fewer stages than depths"):
        bestiary.Swinv2Config(**SIZES, pretrained_window_sizes=[4])
