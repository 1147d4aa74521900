"""CvT: both classes, class tokens of the last and of every stage, odd images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 31, 42)}


PAIRS = {"patch_padding": [1, 1], "qkv_projection_method": ["dw_bn", "dw_bn"], "kernel_qkv": [3, 3], "padding_kv": [1, 1]}

CASE = Case(
    config_class="CvtConfig",
    config={
        **PAIRS,
        "patch_sizes": [5, 3],
        "patch_stride": [3, 2],
        "embed_dim": [8, 16],
        "num_heads": [1, 2],
        "depth": [1, 3],
        "mlp_ratio": [2.0, 3.0],
        "attention_drop_rate": [0.1, 0.2],
        "drop_rate": [0.1, 0.1],
        "drop_path_rate": [0.0, 0.6],
        "qkv_bias": [True, False],
        "cls_token": [False, True],
        "stride_kv": [2, 2],
        "padding_q": [1, 1],
        "stride_q": [1, 1],
        "num_labels": 3,
    },
    heads={"CvtForImageClassification": Head(images, class_labels(3)), "CvtModel": Head(images)},
    variants={
        "tokens": {
            "embed_dim": [16, 16],
            "cls_token": [True, True],
            "kernel_qkv": [3, 5],
            "padding_kv": [1, 2],
            "padding_q": [1, 2],
        }
    },
)
