"""Masked autoencoders: pictures cut into patches and put together again, and the loss that pixels have."""

import pytest
import torch
import transformers

import bestiary
from bestiary.core.errors import InputError
from bestiary.models.vit_mae.model import ViTMAEForPreTraining

SIZES = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 16,
    "patch_size": 4,
    "decoder_hidden_size": 8,
    "decoder_num_attention_heads": 2,
    "decoder_num_hidden_layers": 1,
    "decoder_intermediate_size": 8,
}


@pytest.fixture
def model() -> ViTMAEForPreTraining:
    torch.manual_seed(0)
    made: ViTMAEForPreTraining = bestiary.ViTMAEForPreTraining(bestiary.ViTMAEConfig(**SIZES))
    return made


def test_patches_are_cut_as_published_and_put_together_again(model: ViTMAEForPreTraining) -> None:
    reference = transformers.ViTMAEForPreTraining(transformers.ViTMAEConfig(**SIZES))
    for height, width in ((16, 16), (8, 24)):
        pixels = torch.randn(2, 3, height, width)
        patches = model.patchify(pixels, interpolate_pos_encoding=True)
        assert torch.equal(patches, reference.patchify(pixels, interpolate_pos_encoding=True))
        assert torch.equal(model.unpatchify(patches, (height, width)), pixels)
    with pytest.raises(InputError, match=r"expected \('batch', 16, 48\)"):
        model.unpatchify(patches)


def test_positions_of_a_fresh_model_tell_places_apart(model: ViTMAEForPreTraining) -> None:
    places = model.base_model.get_submodule("embeddings").get_parameter("position_embeddings")[0]
    assert not places[0].any()
    assert not places.requires_grad
    assert torch.pdist(places[1:]).min() > 0.1
    row, column = 2, 3
    x, y = places[1 + 4 * row + column].chunk(2)
    assert x[0].item() == pytest.approx(torch.tensor(float(column)).sin().item())
    assert y[0].item() == pytest.approx(torch.tensor(float(row)).sin().item())


def test_patches_are_drawn_anew_in_each_call(model: ViTMAEForPreTraining) -> None:
    pixels = torch.randn(1, 3, 16, 16)
    torch.manual_seed(0)
    masks = torch.cat([model(pixels).mask for _ in range(8)])
    assert (masks.sum(dim=1) == 12).all()
    assert len(masks.unique(dim=0)) > 4
    with pytest.raises(InputError, match="expected a number for each patch"):
        model(pixels, noise=torch.rand(1, 15))
