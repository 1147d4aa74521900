"""DPT: depth and classes of pixels, every readout, batch norms, other backbones in place of its ViT and under it."""

import torch
from kit.dense import BACKBONE
from kit.families import Case, Head, Inputs

SWIN = {
    "model_type": "swinv2",
    "embed_dim": 8,
    "depths": [1, 1],
    "num_heads": [2, 2],
    "image_size": 32,
    "window_size": 4,
    "out_features": ["stage1", "stage2"],
}

BIT = {
    "model_type": "bit",
    "embedding_size": 8,
    "hidden_sizes": [8, 16, 24],
    "depths": [1, 1, 1],
    "num_groups": 2,
    "global_padding": "same",
    "out_features": ["stage1", "stage2", "stage3"],
    "embedding_dynamic_padding": True,
}


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 32, 32)}


def maps(inputs: Inputs) -> Inputs:
    """A class for each pixel; some do not count."""
    labels = torch.randint(0, 3, (2, 32, 32))
    labels[0, :10] = 255
    return {"labels": labels}


CASE = Case(
    config_class="DPTConfig",
    config={
        "hidden_size": 16,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "image_size": 16,
        "patch_size": 8,
        "backbone_out_indices": [0, 1, 2, 3],
        "neck_hidden_sizes": [6, 8, 10, 12],
        "fusion_hidden_size": 8,
        "num_labels": 3,
    },
    heads={
        "DPTForDepthEstimation": Head(images),
        "DPTForSemanticSegmentation": Head(images, maps),
        "DPTModel": Head(images),
    },
    variants={
        "add": {"readout_type": "add", "use_batch_norm_in_fusion_residual": True, "head_in_index": -2},
        "ignore": {"readout_type": "ignore", "use_bias_in_fusion_residual": False, "hidden_act": "relu"},
        "dinov2": {"backbone_config": BACKBONE},
        "hybrid": {
            "is_hybrid": True,
            "backbone_config": BIT,
            "neck_hidden_sizes": [8, 16, 10, 12],
            "backbone_featmap_shape": [1, 24, 2, 2],
            "patch_size": 16,
            "image_size": 32,
        },
        "swinv2": {"backbone_config": SWIN, "neck_hidden_sizes": [8, 16], "reassemble_factors": [1, 1]},
    },
)
