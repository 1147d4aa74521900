"""Hiera on images of another size than its config's, where the published model cannot tell its hidden states."""

import torch
from kit.families import close, pair


@torch.no_grad()
def test_images_of_another_size() -> None:
    models = pair("hiera", "HieraModel")
    pixels = torch.randn(2, 3, 24, 40)
    ours, reference = (model(pixels, interpolate_pos_encoding=True) for model in (models.ours, models.reference))
    close(ours.last_hidden_state, reference.last_hidden_state)
    close(ours.pooler_output, reference.pooler_output)
    recorded = models.ours(pixels, interpolate_pos_encoding=True, output_hidden_states=True)
    assert [tuple(state.shape[1:3]) for state in recorded.reshaped_hidden_states] == [(12, 20), (12, 20), (6, 10), (3, 5)]
