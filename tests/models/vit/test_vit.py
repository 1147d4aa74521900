"""ViT, besides what the parity suite runs for every family."""

from pathlib import Path

import pytest
import torch
import transformers
from kit.families import close, pair

from bestiary.core.errors import ConfigError, InputError
from bestiary.models.vit import ViTConfig, ViTForImageClassification, ViTForMaskedImageModeling, ViTModel

TINY = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 16,
    "patch_size": 8,
    "encoder_stride": 8,
}


@torch.no_grad()
def test_attention_mask_hides_patches_as_in_the_reference() -> None:
    models = pair("vit", "ViTModel")
    mask = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 0, 1, 1], [1] * 5])
    expected = models.reference(**models.inputs, attention_mask=mask)
    found = models.ours(**models.inputs, attention_mask=mask)
    close(found.last_hidden_state, expected.last_hidden_state)
    assert not torch.allclose(found.pooler_output[:2], models.ours(**models.inputs).pooler_output[:2], atol=1e-3)


@torch.no_grad()
def test_a_patch_taken_for_masked_is_not_seen() -> None:
    models = pair("vit", "ViTForMaskedImageModeling")
    masked = torch.tensor([[True, False, False, False]] * 3)
    pixels = models.inputs["pixel_values"].clone()
    first = models.ours(pixels, masked)
    pixels[:, :, :8, :8] = 9.0
    second = models.ours(pixels, masked)
    assert torch.equal(first.reconstruction, second.reconstruction)
    close(second.loss, models.reference(pixels, masked).loss)


def test_loss_of_images_with_nothing_masked_is_zero() -> None:
    model = ViTForMaskedImageModeling(ViTConfig(**TINY))
    assert model(torch.randn(2, 3, 16, 16), torch.zeros(2, 4)).loss == 0


@torch.no_grad()
def test_oblong_images_and_patches() -> None:
    model = ViTModel(ViTConfig(**{**TINY, "image_size": [16, 24], "patch_size": [4, 8]})).eval()
    assert model(torch.randn(1, 3, 16, 24)).last_hidden_state.shape == (1, 1 + 4 * 3, 32)
    assert model(torch.randn(1, 3, 8, 32), interpolate_pos_encoding=True).last_hidden_state.shape == (1, 1 + 2 * 4, 32)
    with pytest.raises(InputError, match="24 x 16 pixels do not fit a model for 16 x 24"):
        model(torch.randn(1, 3, 24, 16))


def test_masking_needs_a_mask_token_and_a_place_for_each_patch() -> None:
    pixels = torch.randn(1, 3, 16, 16)
    with pytest.raises(InputError, match="use_mask_token=True"):
        ViTModel(ViTConfig(**TINY))(pixels, torch.ones(1, 4))
    with pytest.raises(InputError, match=r"\(1, 5\); expected \(1, 4\)"):
        ViTModel(ViTConfig(**TINY), use_mask_token=True)(pixels, torch.ones(1, 5))


def test_a_stride_that_is_not_the_patch_paints_and_has_no_loss() -> None:
    model = ViTForMaskedImageModeling(ViTConfig(**{**TINY, "encoder_stride": 16}))
    pixels = torch.zeros(1, 3, TINY["image_size"], TINY["image_size"])
    assert model(pixels).reconstruction.shape[-1] == TINY["image_size"] // TINY["patch_size"] * 16
    with pytest.raises(ConfigError, match=r"encoder_stride \(16\).*patch_size \(8\)"):
        model(pixels, torch.ones(1, 4, dtype=torch.bool))


def test_heads_that_do_not_divide_are_refused() -> None:
    config = ViTConfig(**{**TINY, "num_attention_heads": 5})
    with pytest.raises(ConfigError, match=r"hidden_size \(32\) is not a multiple of num_attention_heads \(5\)"):
        ViTModel(config)


def test_without_pooling_there_is_no_pooler() -> None:
    model = ViTModel(ViTConfig(**TINY), add_pooling_layer=False)
    assert not any(name.startswith("pooler") for name in model.state_dict())
    assert "pooler_output" not in model(torch.randn(1, 3, 16, 16))


@torch.no_grad()
def test_pixels_take_the_dtype_of_the_weights() -> None:
    model = ViTModel(ViTConfig(**TINY)).to(torch.bfloat16)
    assert model(torch.randn(1, 3, 16, 16)).pooler_output.dtype == torch.bfloat16


def test_recomputing_layers_gives_the_same_gradients() -> None:
    model = ViTForImageClassification(ViTConfig(**TINY)).train()
    pixels, labels = torch.randn(2, 3, 16, 16), torch.tensor([0, 1])
    model(pixels, labels=labels).loss.backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    model.gradient_checkpointing_enable()
    assert model.is_gradient_checkpointing
    model(pixels, labels=labels).loss.backward()
    for name, parameter in model.named_parameters():
        close(parameter.grad, expected[name], name)


def test_config_file_is_the_reference_s(tmp_path: Path) -> None:
    config = transformers.ViTConfig(**TINY, num_labels=3)
    config.save_pretrained(tmp_path)
    ours = ViTConfig.from_pretrained(tmp_path)
    for name, value in config.to_dict().items():
        if name in ViTConfig._field_names and name != "return_dict":
            assert getattr(ours, name) == value, name


def test_export() -> None:
    model = ViTForImageClassification(ViTConfig(**TINY)).eval()
    pixels = torch.randn(2, 3, 16, 16)
    program = torch.export.export(model, (pixels,)).module()
    close(program(pixels).logits, model(pixels).logits)
