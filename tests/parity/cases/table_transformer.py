"""Table Transformer: DETR whose norms stand first."""

from kit.families import Case, Head
from kit.pictured_objects import BACKBONE, images, objects

CASE = Case(
    config_class="TableTransformerConfig",
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
        "TableTransformerForObjectDetection": Head(images, objects, config={"bbox_cost": 3, "eos_coefficient": 0.3}),
        "TableTransformerModel": Head(images),
    },
    variants={
        "learned": {"position_embedding_type": "learned", "activation_function": "gelu"},
        "auxiliary": {"auxiliary_loss": True},
    },
)
