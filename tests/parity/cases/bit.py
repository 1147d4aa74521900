"""BiT: every head, norms before and behind, all ways to pad, fewer halvings, oblong images."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 45, 70)}


CASE = Case(
    config_class="BitConfig",
    config={
        "embedding_size": 8,
        "hidden_sizes": [8, 16, 24],
        "depths": [1, 2, 1],
        "num_groups": 2,
        "drop_path_rate": 0.5,
        "num_labels": 3,
    },
    heads={
        "BitForImageClassification": Head(images, class_labels(3)),
        "BitModel": Head(images),
        "BitBackbone": Head(images, config={"out_features": ["stem", "stage1", "stage3"]}),
    },
    variants={
        "same": {"global_padding": "SAME", "embedding_dynamic_padding": True, "hidden_act": "gelu"},
        "behind": {"layer_type": "bottleneck", "output_stride": 8},
        "dynamic": {"layer_type": "bottleneck", "global_padding": "SAME", "embedding_dynamic_padding": True},
    },
)
