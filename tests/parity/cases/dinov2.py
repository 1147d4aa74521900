"""DINOv2: every head, images of any size, gated MLPs, backbones with and without norm and rows."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


def wide() -> Inputs:
    return images(24, 40)


def masked() -> Inputs:
    return {**images(), "bool_masked_pos": torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]]).bool()}


CASE = Case(
    config_class="Dinov2Config",
    config={
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "mlp_ratio": 2,
        "image_size": 16,
        "patch_size": 8,
        "layerscale_value": 0.5,
        "drop_path_rate": 0.4,
        "num_labels": 3,
    },
    heads={
        "Dinov2ForImageClassification": Head(wide, class_labels(3)),
        "Dinov2Model": Head(masked),
        "Dinov2Backbone": Head(wide, config={"out_indices": [0, 2, 3]}),
    },
    variants={"gated": {"use_swiglu_ffn": True, "qkv_bias": False}, "relu": {"hidden_act": "relu", "use_mask_token": False}},
)
