"""DINOv3's transformers: images of any size, gated MLPs, registers, places moved in training, backbones."""

import torch
from kit.families import Case, Head, Inputs


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


def wide() -> Inputs:
    return images(24, 40)


def masked() -> Inputs:
    return {**images(), "bool_masked_pos": torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]]).bool()}


CASE = Case(
    config_class="DINOv3ViTConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": 16,
        "patch_size": 8,
        "layerscale_value": 0.5,
        "drop_path_rate": 0.4,
        "num_register_tokens": 2,
    },
    heads={"DINOv3ViTModel": Head(masked), "DINOv3ViTBackbone": Head(wide, config={"out_indices": [0, 2, 3]})},
    variants={
        "gated": {"use_gated_mlp": True, "pos_embed_shift": 0.3, "pos_embed_jitter": 1.5, "key_bias": True},
        "plain": {
            "hidden_act": "relu",
            "mlp_bias": False,
            "query_bias": False,
            "value_bias": False,
            "proj_bias": False,
            "pos_embed_rescale": None,
            "num_register_tokens": 0,
            "rope_theta": 50.0,
        },
    },
)
