"""Deformable DETR: padded images, a map more than the backbone has, boxes refined by layers, two stages."""

from kit.families import Case, Head
from kit.pictured_objects import FOUR_STAGES, images, objects

BACKBONE = {**FOUR_STAGES, "out_features": ["stage2", "stage3", "stage4"]}
CASE = Case(
    config_class="DeformableDetrConfig",
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
        "encoder_n_points": 3,
        "decoder_n_points": 2,
        "num_feature_levels": 5,
        "two_stage_num_proposals": 6,
        "num_labels": 3,
    },
    heads={
        "DeformableDetrForObjectDetection": Head(images, objects, config={"bbox_cost": 3, "focal_alpha": 0.4}),
        "DeformableDetrModel": Head(images),
    },
    variants={
        "learned": {"position_embedding_type": "learned", "activation_function": "gelu"},
        "auxiliary": {"auxiliary_loss": True, "num_feature_levels": 3},
        "refined": {"with_box_refine": True, "auxiliary_loss": True},
        "two stages": {"with_box_refine": True, "two_stage": True, "auxiliary_loss": True},
        "one map": {"num_feature_levels": 1, "backbone_config": {**FOUR_STAGES, "out_features": ["stage4"]}},
    },
)
