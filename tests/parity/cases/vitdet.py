"""ViTDet: both classes, windows that do not fill maps, convolutions, distances, images of other sizes."""

import torch
from kit.families import Case, Head, Inputs


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 24, 40)}


CASE = Case(
    config_class="VitDetConfig",
    config={
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "mlp_ratio": 2,
        "image_size": 32,
        "pretrain_image_size": 16,
        "patch_size": 4,
        "dropout_prob": 0.1,
        "drop_path_rate": 0.4,
        "window_block_indices": [0],
        "residual_block_indices": [1],
        "use_relative_position_embeddings": True,
        "window_size": 4,
    },
    heads={
        "VitDetModel": Head(images),
        "VitDetBackbone": Head(images, config={"out_features": ["stem", "stage1", "stage2"]}),
    },
    variants={
        "plain": {
            "qkv_bias": False,
            "hidden_act": "relu",
            "use_relative_position_embeddings": False,
            "residual_block_indices": [],
        }
    },
)
