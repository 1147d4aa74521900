"""What models with DPT's neck are tried with: a tiny DINOv2 whose maps are states, and sizes of a tiny neck."""

from typing import Any

BACKBONE: dict[str, Any] = {
    "model_type": "dinov2",
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "mlp_ratio": 2,
    "image_size": 16,
    "patch_size": 8,
    "out_indices": [0, 1, 2, 3],
    "reshape_hidden_states": False,
}
SMALL: dict[str, Any] = {
    "backbone_config": BACKBONE,
    "patch_size": 8,
    "reassemble_hidden_size": 16,
    "neck_hidden_sizes": [6, 8, 10, 12],
    "fusion_hidden_size": 8,
    "head_hidden_size": 6,
}
