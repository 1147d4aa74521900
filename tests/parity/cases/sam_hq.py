"""SAM-HQ: points of both kinds, blocks over windows and over the whole map."""

from kit.families import Case, Head
from kit.segmentation_prompts import DECODER, PROMPTS, VISION, images, points, prepare

SEEING = {**VISION, "global_attn_indexes": [0]}
HQ = {**DECODER, "vit_dim": VISION["hidden_size"]}
CASE = Case(
    config_class="SamHQConfig",
    config={"vision_config": SEEING, "prompt_encoder_config": PROMPTS, "mask_decoder_config": HQ},
    heads={
        "SamHQModel": Head(points),
        "SamHQVisionModel": Head(images, config_class="SamHQVisionConfig", config=SEEING),
    },
    variants={"plain": {"vision_config": {**SEEING, "use_abs_pos": False, "use_rel_pos": False, "qkv_bias": False}}},
    prepare=prepare,
)
