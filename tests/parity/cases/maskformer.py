"""MaskFormer: masks in both images; Swin and a convolutional backbone; earlier layers of the decoder trained too."""

import functools
from typing import Any

from kit.families import Case, Head
from kit.pictured_masks import images, masks
from kit.pictured_objects import BACKBONE, FOUR_STAGES

SWIN = {"embed_dim": 8, "depths": [1, 2], "num_heads": [2, 2], "window_size": 3, "drop_path_rate": 0.3}


def told(reference: Any) -> None:
    """What the published Swin calls attentions are states of blocks: they are left out.

    The published head takes what earlier layers predict from recorded states: these are recorded in every call.
    """
    kind = type(reference)
    is_swin = kind.__name__.startswith("MaskFormerSwin")

    @functools.wraps(kind.forward)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        wanted = kwargs.pop("output_hidden_states", None)
        output = kind.forward(self, *args, output_hidden_states=wanted or not is_swin, **kwargs)
        kept = {name: value for name, value in output.items() if wanted or not name.endswith("hidden_states")}
        kept |= {"attentions": ()} if is_swin and "attentions" in kept else {}
        return type(output)(**kept)

    reference.__class__ = type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})


CASE = Case(
    config_class="MaskFormerConfig",
    config={
        "backbone_config": {**SWIN, "model_type": "swin", "depths": [1, 1, 1, 1], "num_heads": [2, 2, 2, 2]},
        "decoder_config": {
            "model_type": "detr",
            "backbone_config": BACKBONE,
            "d_model": 12,
            "decoder_layers": 2,
            "decoder_ffn_dim": 20,
            "decoder_attention_heads": 2,
            "encoder_attention_heads": 2,
            "num_queries": 4,
        },
        "fpn_feature_size": 32,
        "mask_feature_size": 8,
        "num_labels": 3,
    },
    heads={
        "MaskFormerForInstanceSegmentation": Head(images, masks),
        "MaskFormerModel": Head(images),
        "MaskFormerSwinModel": Head(images, config=SWIN, config_class="MaskFormerSwinConfig"),
        "MaskFormerSwinBackbone": Head(
            images, config={**SWIN, "out_features": ["stage1", "stage2"]}, config_class="MaskFormerSwinConfig"
        ),
    },
    prepare=told,
    variants={
        "auxiliary": {"use_auxiliary_loss": True, "output_auxiliary_logits": True, "mask_weight": 3.0, "dice_weight": 2.0},
        "resnet": {"backbone_config": FOUR_STAGES, "cross_entropy_weight": 0.5, "no_object_weight": 0.4},
    },
)
