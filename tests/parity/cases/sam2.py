"""SAM 2: points of both kinds, one that is no place and one of padding; stages that pool, windows and the whole map."""

from kit.families import Case, Head
from kit.segmentation_prompts import HIERA, OBJECTS, PYRAMID, SCALED, images, points

CASE = Case(
    config_class="Sam2Config",
    config={"vision_config": PYRAMID, "prompt_encoder_config": SCALED, "mask_decoder_config": OBJECTS},
    heads={
        "Sam2Model": Head(points),
        "Sam2VisionModel": Head(images, config_class="Sam2VisionConfig", config=PYRAMID),
        "Sam2HieraDetModel": Head(images, config_class="Sam2HieraDetConfig", config=HIERA),
    },
    variants={
        "plain": {
            "vision_config": {
                **PYRAMID,
                "fpn_top_down_levels": [2],
                "backbone_config": {**HIERA, "window_size_per_stage": [4, 2, 2]},
            },
            "mask_decoder_config": {**OBJECTS, "iou_head_depth": 4, "num_multimask_outputs": 2, "num_hidden_layers": 3},
        },
    },
)
