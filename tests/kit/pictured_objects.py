"""What models that find objects are tried with: images, one of them padded, and the objects in them."""

import torch
from kit.families import Inputs

BACKBONE = {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 12, 16], "depths": [1, 1, 1]}
FOUR_STAGES = {
    **BACKBONE,
    "hidden_sizes": [8, 12, 16, 20],
    "depths": [1, 1, 1, 1],
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}


RESNET_D = {
    **FOUR_STAGES,
    "model_type": "rt_detr_resnet",
    "layer_type": "basic",
    "out_features": ["stage2", "stage3", "stage4"],
}
# Sizes of RT-DETR and its relatives, over the last three of those stages.
QUERYING = {
    "encoder_hidden_dim": 16,
    "encoder_in_channels": [12, 16, 20],
    "encoder_ffn_dim": 20,
    "encoder_attention_heads": 2,
    "d_model": 24,
    "num_queries": 5,
    "decoder_in_channels": [16, 16, 16],
    "decoder_ffn_dim": 28,
    "decoder_layers": 2,
    "decoder_attention_heads": 3,
    "decoder_n_points": 2,
    "num_denoising": 6,
    "num_labels": 3,
}


def small_images() -> Inputs:
    """Two images of 64 x 96, none of them padded."""
    return {"pixel_values": torch.randn(2, 3, 64, 96)}


def images() -> Inputs:
    """Two images of 64 x 96, the second one padded below and to the right."""
    mask = torch.ones(2, 64, 96, dtype=torch.long)
    mask[1, 40:], mask[1, :, 70:] = 0, 0
    return {"pixel_values": torch.randn(2, 3, 64, 96) * mask[:, None], "pixel_mask": mask}


def objects(inputs: Inputs) -> Inputs:
    """Two objects in the first image, none in the second."""
    boxes = torch.rand(2, 4) * 0.3 + 0.2
    none = {"class_labels": torch.zeros(0, dtype=torch.long), "boxes": torch.zeros(0, 4)}
    return {"labels": [{"class_labels": torch.tensor([2, 0]), "boxes": boxes}, none]}


def drawn(inputs: Inputs) -> Inputs:
    """The same with masks; the second image is smaller."""
    labels = objects(inputs)["labels"]
    labels[0]["masks"], labels[1]["masks"] = torch.rand(2, 64, 96) > 0.6, torch.zeros(0, 40, 70)
    return {"labels": labels}
