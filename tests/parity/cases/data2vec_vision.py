"""data2vec for images: every head, biases shared and of layers, oblong images of other sizes, absolute positions."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def images(height: int = 16, width: int = 16) -> Inputs:
    return {"pixel_values": torch.randn(3, 3, height, width)}


def wide() -> Inputs:
    return images(24, 40)


def masked() -> Inputs:
    return {**images(), "bool_masked_pos": torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]]).bool()}


def maps(inputs: Inputs) -> Inputs:
    """A class for each pixel; some do not count."""
    labels = torch.randint(0, 3, (3, 16, 20))
    labels[0, :10] = 255
    return {"labels": labels}


CASE = Case(
    config_class="Data2VecVisionConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": 16,
        "patch_size": 8,
        "drop_path_rate": 0.4,
        "use_relative_position_bias": True,
        "auxiliary_channels": 12,
        "out_indices": [1, 2, 3, 4],
        "num_labels": 3,
    },
    heads={
        "Data2VecVisionForImageClassification": Head(wide, class_labels(3)),
        "Data2VecVisionModel": Head(
            masked, config={"use_mask_token": True, "use_absolute_position_embeddings": True, "use_mean_pooling": False}
        ),
        "Data2VecVisionForSemanticSegmentation": Head(images, maps, config={"use_shared_relative_position_bias": True}),
    },
    variants={"plain": {"use_relative_position_bias": False, "layer_scale_init_value": 0.0, "hidden_act": "relu"}},
)
