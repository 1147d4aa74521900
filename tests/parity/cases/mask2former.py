"""Mask2Former: masks in both images, compared at the same random points; Swin and a convolutional backbone."""

import functools
from typing import Any

from kit.families import Case, Head
from kit.pictured_masks import larger, masks
from kit.pictured_objects import FOUR_STAGES

SWIN = {
    "model_type": "swin",
    "embed_dim": 8,
    "depths": [1, 1, 1, 1],
    "num_heads": [2, 2, 2, 2],
    "window_size": 3,
    "drop_path_rate": 0.3,
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}


def told(reference: Any) -> None:
    """States behind the norm come with recorded states alone; what is made of them is compared."""
    kind = type(reference)
    if kind.__name__ != "Mask2FormerModel":
        return

    @functools.wraps(kind.forward)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = kind.forward(self, *args, **kwargs)
        return type(output)(**{name: each for name, each in output.items() if not name.endswith("intermediate_states")})

    reference.__class__ = type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})


CASE = Case(
    config_class="Mask2FormerConfig",
    config={
        "backbone_config": FOUR_STAGES,
        "feature_size": 32,
        "mask_feature_size": 8,
        "hidden_dim": 12,
        "encoder_feedforward_dim": 20,
        "encoder_layers": 2,
        "decoder_layers": 4,
        "num_attention_heads": 2,
        "dim_feedforward": 24,
        "num_queries": 4,
        "train_num_points": 40,
        "num_labels": 3,
    },
    heads={
        "Mask2FormerForUniversalSegmentation": Head(larger, masks),
        "Mask2FormerModel": Head(larger),
    },
    draws=True,
    prepare=told,
    variants={
        "auxiliary": {"output_auxiliary_logits": True, "mask_weight": 3.0, "importance_sample_ratio": 1.0, "pre_norm": True},
        "swin": {"backbone_config": SWIN, "class_weight": 0.5, "oversample_ratio": 2.0},
        "as wide": {"hidden_dim": 32, "activation_function": "gelu", "common_stride": 8},
    },
)
