"""GLPN: stages whose attention sees a coarser grid, oblong images, places without a label, another map for the head."""

import torch
from kit.families import Case, Head, Inputs


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 64, 96)}


def depths(inputs: Inputs) -> Inputs:
    """A depth for each pixel; some are not known."""
    labels = torch.rand(2, 64, 96) * 8 + 0.5
    labels[0, :10] = 0
    return {"labels": labels}


CASE = Case(
    config_class="GLPNConfig",
    config={
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 2, 1, 1],
        "num_attention_heads": [1, 2, 2, 4],
        "decoder_hidden_size": 20,
    },
    heads={"GLPNForDepthEstimation": Head(images, depths), "GLPNModel": Head(images)},
    variants={
        "far": {"max_depth": 80, "hidden_act": "relu", "mlp_ratios": [2, 3, 4, 2]},
        "one_width": {"decoder_hidden_size": 24, "sr_ratios": [4, 2, 1, 1]},
    },
)
