"""What models that predict sets of masks are tried with: two images, and the masks of things in them."""

import torch
from kit.families import Inputs


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 32, 48)}


def larger() -> Inputs:
    """Two images whose coarsest maps have enough places for norms of groups."""
    return {"pixel_values": torch.randn(2, 3, 64, 96)}


def square() -> Inputs:
    """Two images of one size."""
    return {"pixel_values": torch.randn(2, 3, 32, 32)}


def masks(inputs: Inputs) -> Inputs:
    """Two masks in the first image, one in the second."""
    size = inputs["pixel_values"].shape[2:]
    drawn = [(torch.rand(2, *size) > 0.6).float(), (torch.rand(1, *size) > 0.5).float()]
    return {"mask_labels": drawn, "class_labels": [torch.tensor([2, 0]), torch.tensor([1])]}
