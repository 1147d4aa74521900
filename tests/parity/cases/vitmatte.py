"""ViTMatte: oblong images with their trimaps, other numbers of channels on the way."""

import torch
from kit.families import Case, Head, Inputs


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 4, 16, 24)}


VITDET = {
    "model_type": "vitdet",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "mlp_ratio": 2,
    "image_size": 16,
    "pretrain_image_size": 16,
    "patch_size": 8,
    "num_channels": 4,
    "window_size": 2,
    "window_block_indices": [0],
    "residual_block_indices": [1],
    "use_relative_position_embeddings": True,
    "out_features": ["stage2"],
}
CASE = Case(
    config_class="VitMatteConfig",
    config={
        "backbone_config": VITDET,
        "hidden_size": 16,
        "convstream_hidden_sizes": [6, 8],
        "fusion_hidden_sizes": [10, 8, 6],
    },
    heads={"VitMatteForImageMatting": Head(images)},
    variants={
        "two": {
            "backbone_config": VITDET | {"patch_size": 4, "image_size": 8, "out_features": ["stage1", "stage2"]},
            "convstream_hidden_sizes": [5],
            "fusion_hidden_sizes": [8, 7],
            "batch_norm_eps": 0.1,
        },
    },
)
