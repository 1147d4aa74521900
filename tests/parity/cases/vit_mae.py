"""ViT-MAE: both heads, given noise, positions interpolated to another size, normalised patches."""

import torch
from kit.families import Case, Head, Inputs


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width), "noise": torch.rand(3, height * width // 16)}


def wide() -> Inputs:
    return {**images(24, 20), "interpolate_pos_encoding": True}


CASE = Case(
    config_class="ViTMAEConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 16,
        "patch_size": 4,
        "decoder_hidden_size": 24,
        "decoder_num_attention_heads": 2,
        "decoder_num_hidden_layers": 1,
        "decoder_intermediate_size": 20,
    },
    heads={"ViTMAEModel": Head(images), "ViTMAEForPreTraining": Head(wide, config={"norm_pix_loss": True})},
    variants={"few": {"mask_ratio": 0.4, "qkv_bias": False, "hidden_act": "relu"}},
)
