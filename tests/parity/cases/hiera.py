"""Hiera: every head, units seen and left out by given noise, images of other sizes, stages that are not pooled."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 32, width: int = 32) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


def masked() -> Inputs:
    return {**images(), "noise": torch.rand(3, 16)}


CASE = Case(
    config_class="HieraConfig",
    config={
        "embed_dim": 8,
        "image_size": [32, 32],
        "patch_size": [3, 3],
        "patch_stride": [2, 2],
        "patch_padding": [1, 1],
        "depths": [1, 2, 1],
        "num_heads": [1, 2, 4],
        "num_query_pool": 2,
        "masked_unit_size": [4, 4],
        "masked_unit_attention": [True, True, False],
        "mlp_ratio": 2.0,
        "drop_path_rate": 0.4,
        "decoder_hidden_size": 16,
        "decoder_depth": 1,
        "decoder_num_heads": 2,
        "num_labels": 3,
    },
    heads={
        "HieraForImageClassification": Head(images, class_labels(3)),
        "HieraModel": Head(images),
        "HieraForPreTraining": Head(masked),
        "HieraBackbone": Head(images, config={"out_features": ["stem", "stage1", "stage3"]}),
    },
    variants={
        "one": {
            "num_query_pool": 1,
            "hidden_act": "relu",
            "embed_dim_multiplier": 1.5,
            "embed_dim": 16,
            "num_heads": [1, 2, 2],
        },
        "everywhere": {"masked_unit_attention": [False, False, False], "masked_unit_size": [8, 8]},
    },
)
