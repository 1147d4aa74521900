"""SAM: points, boxes, both and masks as prompts, blocks over windows and over the whole map."""

import torch
from kit.families import Case, Head, Inputs

VISION = {
    "hidden_size": 8,
    "output_channels": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 4,
    "global_attn_indexes": [1],
    "window_size": 3,
    "mlp_dim": 24,
    "num_pos_feats": 4,
    "initializer_range": 0.02,
}
PROMPTS = {"hidden_size": 8, "image_size": 32, "patch_size": 4, "mask_input_channels": 4}
DECODER = {"hidden_size": 8, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 8}


def images() -> Inputs:
    return {"pixel_values": torch.randn(2, 3, 32, 32)}


def points() -> Inputs:
    """Three masks of each image, two points each; one is no place, one is padding."""
    labels = torch.randint(0, 2, (2, 3, 2))
    labels[0, 1, 1], labels[1, 2, 1] = -1, -10
    return {**images(), "input_points": 32 * torch.rand(2, 3, 2, 2), "input_labels": labels}


def prepare(reference: torch.nn.Module) -> None:
    """Let its attention tell probabilities: which class does so is chosen when the model is built."""
    for part in reference.modules():
        if type(part).__name__.endswith("VisionSdpaAttention"):
            part.__class__ = type(part).__mro__[1]


CASE = Case(
    config_class="SamConfig",
    config={"vision_config": VISION, "prompt_encoder_config": PROMPTS, "mask_decoder_config": DECODER},
    heads={
        "SamModel": Head(points),
        "SamVisionModel": Head(images, config_class="SamVisionConfig", config=VISION),
    },
    variants={
        "plain": {
            "vision_config": {**VISION, "use_abs_pos": False, "use_rel_pos": False, "qkv_bias": False, "window_size": 4},
            "mask_decoder_config": {**DECODER, "iou_head_depth": 4, "num_multimask_outputs": 2, "attention_downsample_rate": 1},
        },
    },
    prepare=prepare,
)
