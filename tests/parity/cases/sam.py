"""SAM: points of both kinds, one that is no place and one of padding; blocks over windows and over the whole map."""

from kit.families import Case, Head
from kit.segmentation_prompts import DECODER, PROMPTS, VISION, images, points, prepare

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
