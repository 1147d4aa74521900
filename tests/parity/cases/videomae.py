"""VideoMAE: every head, films of some frames, tubes left out."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def films() -> Inputs:
    return {"pixel_values": torch.randn(3, 4, 3, 16, 16)}


def masked() -> Inputs:
    """As many tubes in each row."""
    hidden = torch.tensor([[1, 0, 1, 1, 1, 0, 0, 1], [0, 0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0, 0]]).bool()
    return {**films(), "bool_masked_pos": hidden}


CASE = Case(
    config_class="VideoMAEConfig",
    config={
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 16,
        "patch_size": 8,
        "num_frames": 4,
        "decoder_num_attention_heads": 2,
        "decoder_hidden_size": 16,
        "decoder_num_hidden_layers": 1,
        "decoder_intermediate_size": 24,
        "num_labels": 3,
    },
    heads={
        "VideoMAEForVideoClassification": Head(films, class_labels(3)),
        "VideoMAEModel": Head(masked, config={"use_mean_pooling": False}),
        "VideoMAEForPreTraining": Head(masked),
    },
    variants={"first_tube": {"use_mean_pooling": False, "qv_bias": False, "hidden_act": "relu", "tubelet_size": 1}},
)
