"""FocalNet: every head, oblong images that patches do not fill, norms behind, patches that overlap, trained scales."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(2, 3, height, width)}


def odd() -> Inputs:
    return images(15, 26)


def masked(inputs: Inputs) -> Inputs:
    return {"bool_masked_pos": torch.rand(2, 64) < 0.4}


CASE = Case(
    config_class="FocalNetConfig",
    config={
        "embed_dim": 8,
        "depths": [1, 2],
        "hidden_sizes": [16, 16],
        "focal_levels": [2, 1],
        "focal_windows": [3, 5],
        "image_size": 16,
        "patch_size": 2,
        "encoder_stride": 4,
        "drop_path_rate": 0.4,
        "hidden_dropout_prob": 0.1,
        "num_labels": 3,
    },
    heads={
        "FocalNetForImageClassification": Head(odd, class_labels(3)),
        "FocalNetModel": Head(odd),
        "FocalNetForMaskedImageModeling": Head(images, masked),
        "FocalNetBackbone": Head(odd, config={"out_features": ["stem", "stage1", "stage2"]}),
    },
    variants={
        "behind": {"use_post_layernorm": True, "use_post_layernorm_in_modulation": True, "normalize_modulator": True},
        "overlapping": {"use_conv_embed": True, "use_layerscale": True, "layerscale_value": 0.3, "hidden_act": "relu"},
    },
)
