"""ZoeDepth: oblong images, both kinds of bins, several sets of them, of which the images choose."""

import torch
from kit.dense import BACKBONE
from kit.families import Case, Head, Inputs


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 32, 48)}


BEIT = {
    "model_type": "beit",
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 32,
    "patch_size": 16,
    "use_relative_position_bias": True,
    "reshape_hidden_states": False,
    "out_indices": [1, 2, 3, 4],
}
SETS = [
    {"name": "nyu", "n_bins": 8, "min_depth": 0.01, "max_depth": 10.0},
    {"name": "kitti", "n_bins": 6, "min_depth": 0.01, "max_depth": 80.0},
]
CASE = Case(
    config_class="ZoeDepthConfig",
    config={
        "backbone_config": BACKBONE | {"patch_size": 16},
        "neck_hidden_sizes": [6, 8, 10, 12],
        "fusion_hidden_size": 8,
        "bottleneck_features": 8,
        "num_relative_features": 6,
        "num_attractors": [4, 3, 2, 1],
        "bin_embedding_dim": 12,
    },
    heads={"ZoeDepthForDepthEstimation": Head(images)},
    variants={
        "normed": {
            "bin_centers_type": "normed",
            "attractor_kind": "sum",
            "use_batch_norm_in_fusion_residual": True,
            "batch_norm_eps": 0.3,
        },
        "beit": {"backbone_config": BEIT, "hidden_act": "relu"},
        "several": {
            "bin_configurations": SETS,
            "num_patch_transformer_layers": 4,  # the published forward runs four
            "patch_transformer_hidden_size": 128,
            "patch_transformer_intermediate_size": 24,
            "patch_transformer_num_attention_heads": 2,
        },
    },
)
