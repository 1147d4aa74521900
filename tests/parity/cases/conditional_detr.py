"""Conditional DETR: padded images, objects in some of them, learned positions, earlier layers trained too, masks."""

from kit.families import Case, Head
from kit.pictured_objects import BACKBONE, FOUR_STAGES, drawn, images, objects

CASE = Case(
    config_class="ConditionalDetrConfig",
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
        "num_labels": 3,
    },
    heads={
        "ConditionalDetrModel": Head(images),
        "ConditionalDetrForObjectDetection": Head(images, objects, config={"bbox_cost": 3, "focal_alpha": 0.4}),
        "ConditionalDetrForSegmentation": Head(
            images,
            drawn,
            config={"backbone_config": FOUR_STAGES, "encoder_attention_heads": 8, "mask_loss_coefficient": 2},
        ),
    },
    variants={
        "learned": {"position_embedding_type": "learned", "activation_function": "gelu"},
        "auxiliary": {"auxiliary_loss": True},
    },
)
