"""RT-DETRv2: places of single pixels, farther from boxes, in more maps."""

from kit.families import Case, Head
from kit.pictured_objects import QUERYING, RESNET_D, objects, small_images

CASE = Case(
    config_class="RTDetrV2Config",
    config={**QUERYING, "backbone_config": RESNET_D},
    heads={"RTDetrV2ForObjectDetection": Head(small_images, objects), "RTDetrV2Model": Head(small_images)},
    variants={
        "pixels": {"decoder_method": "discrete"},
        "far": {"decoder_offset_scale": 0.8, "num_feature_levels": 4, "decoder_n_levels": 4, "tie_word_embeddings": False},
    },
    tables=("n_points_scale",),
)
