"""CLIP: both encoders together and alone, with and without projection, and the image classifier."""

import torch
from kit.families import Case, Head, Inputs, class_labels, tokens

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "projection_dim": 24,
    "hidden_act": "quick_gelu",
}
TEXT = {**SMALL, "vocab_size": 99, "max_position_embeddings": 16, "bos_token_id": 93, "eos_token_id": 94, "pad_token_id": 94}
VISION = {**SMALL, "hidden_size": 40, "image_size": 16, "patch_size": 8}


def texts() -> Inputs:
    """Padded on the right with the end token, as CLIP's tokenizer does; one text holds a second one."""
    inputs = tokens(vocab=93, pad=94)
    last = inputs["attention_mask"].sum(-1) - 1
    inputs["input_ids"][torch.arange(3), last] = 94
    inputs["input_ids"][0, 4] = 94
    return inputs


def images() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 16, 16)}


def wide() -> Inputs:
    return {"pixel_values": torch.randn(3, 3, 24, 32), "interpolate_pos_encoding": True}


CASE = Case(
    config_class="CLIPConfig",
    config={"text_config": TEXT, "vision_config": VISION, "projection_dim": 24, "num_labels": 3},
    heads={
        "CLIPModel": Head(lambda: {**texts(), **images()}, lambda inputs: {"return_loss": True}),
        "CLIPForImageClassification": Head(images, class_labels(3)),
        "CLIPTextModel": Head(texts, config_class="CLIPTextConfig", config=TEXT),
        "CLIPTextModelWithProjection": Head(texts, config_class="CLIPTextConfig", config=TEXT),
        "CLIPVisionModel": Head(wide, config_class="CLIPVisionConfig", config=VISION),
        "CLIPVisionModelWithProjection": Head(wide, config_class="CLIPVisionConfig", config=VISION),
    },
    variants={"oldest_end_rule": {"text_config": {**TEXT, "eos_token_id": 2}}},
)
