"""BEiT: every head, biases shared and of layers, oblong images of other sizes, absolute positions, maps of four finenesses."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


def wide() -> Inputs:
    return images(24, 40)


def masked() -> Inputs:
    return {**images(), "bool_masked_pos": torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]]).bool()}


def words(inputs: Inputs) -> Inputs:
    """A word for each masked patch."""
    return {"labels": torch.randint(0, 11, (7,))}


def maps(inputs: Inputs) -> Inputs:
    """A class for each pixel; some do not count."""
    labels = torch.randint(0, 3, (3, 24, 40))
    labels[0, :10] = 255
    return {"labels": labels}


FOUR = {"num_hidden_layers": 4, "out_indices": [1, 2, 3, 4]}

CASE = Case(
    config_class="BeitConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 16,
        "patch_size": 8,
        "vocab_size": 11,
        "drop_path_rate": 0.4,
        "use_relative_position_bias": True,
        "auxiliary_channels": 12,
        "num_labels": 3,
    },
    heads={
        "BeitForImageClassification": Head(wide, class_labels(3)),
        "BeitModel": Head(
            wide,
            config={
                "use_relative_position_bias": False,
                "use_shared_relative_position_bias": True,
                "use_mean_pooling": False,
                "layer_scale_init_value": 0.0,
            },
        ),
        "BeitForMaskedImageModeling": Head(
            masked, words, config={"use_mask_token": True, "use_absolute_position_embeddings": True}
        ),
        "BeitForSemanticSegmentation": Head(
            wide, maps, config={**FOUR, "auxiliary_num_convs": 2, "auxiliary_concat_input": True}
        ),
        "BeitBackbone": Head(wide, config={**FOUR, "add_fpn": True}),
    },
    variants={
        "both": {"use_shared_relative_position_bias": True, "use_absolute_position_embeddings": True, "hidden_act": "relu"},
        "oblong": {"image_size": (24, 40), "use_mean_pooling": False},
    },
)
