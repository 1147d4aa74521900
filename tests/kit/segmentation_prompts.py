"""Tiny configs and prompts for SAM and its relatives."""

from typing import Any

import torch

from .families import Inputs

VISION: dict[str, Any] = {
    "hidden_size": 8,
    "output_channels": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 4,
    "global_attn_indexes": [1],
    "window_size": 3,
    "mlp_dim": 24,
    "num_pos_feats": 4,
    "initializer_range": 0.02,
}
PROMPTS: dict[str, Any] = {"hidden_size": 8, "image_size": 32, "patch_size": 4, "mask_input_channels": 4}
DECODER: dict[str, Any] = {"hidden_size": 8, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 8}
# Of SAM 2 and its relatives: three stages, whose maps are 8, 4 and 2 places a side.
HIERA: dict[str, Any] = {
    "model_type": "sam2_hiera_det_model",
    "hidden_size": 8,
    "image_size": [32, 32],
    "window_positional_embedding_background_size": [3, 3],
    "num_query_pool_stages": 2,
    "blocks_per_stage": [1, 2, 1],
    "embed_dim_per_stage": [8, 16, 24],
    "num_attention_heads_per_stage": [1, 2, 2],
    "window_size_per_stage": [4, 6, 2],
    "global_attention_blocks": [2],
    "mlp_ratio": 2.0,
}
PYRAMID: dict[str, Any] = {
    "backbone_config": HIERA,
    "backbone_channel_list": [24, 16, 8],
    "backbone_feature_sizes": [[8, 8], [4, 4], [2, 2]],
    "fpn_hidden_size": 8,
    "fpn_top_down_levels": [0, 1],
}
SCALED: dict[str, Any] = {**PROMPTS, "patch_size": 16}
OBJECTS: dict[str, Any] = DECODER


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 32, 32)}


def points() -> Inputs:
    """Three masks of each image, two points each; one is no place, one is padding."""
    labels = torch.randint(0, 2, (2, 3, 2))
    labels[0, 1, 1], labels[1, 2, 1] = -1, -10
    return {**images(), "input_points": 32 * torch.rand(2, 3, 2, 2), "input_labels": labels}


def prepare(reference: torch.nn.Module) -> None:
    """Let its attention tell probabilities: which class does so is chosen when the model is built."""
    for part in reference.modules():
        if type(part).__name__.endswith("VisionSdpaAttention"):
            part.__class__ = type(part).__mro__[1]
