"""DETR: padded images, objects in some of them, learned positions, more queries than objects, earlier layers trained too."""

import torch
from kit.families import Case, Head, Inputs

BACKBONE = {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 12, 16], "depths": [1, 1, 1]}


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


STAGES = {"hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 1, 1], "out_features": ["stage1", "stage2", "stage3", "stage4"]}


CASE = Case(
    config_class="DetrConfig",
    config={
        "backbone_config": BACKBONE,
        "d_model": 32,
        "num_queries": 5,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 8,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 40,
        "num_labels": 3,
    },
    heads={
        "DetrModel": Head(images),
        "DetrForObjectDetection": Head(images, objects, config={"bbox_cost": 3, "eos_coefficient": 0.3}),
        "DetrForSegmentation": Head(
            images,
            drawn,
            config={"backbone_config": {**BACKBONE, **STAGES}, "encoder_attention_heads": 8, "mask_loss_coefficient": 2},
        ),
    },
    variants={
        "learned": {"position_embedding_type": "learned", "activation_function": "gelu"},
        "auxiliary": {"auxiliary_loss": True},
    },
)
