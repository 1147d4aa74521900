"""Deformable DETR (Zhu et al. 2021, "Deformable DETR: deformable transformers for end-to-end object detection").

DETR over feature maps of several sizes, whose attention looks at a few places near a point. Boxes are told from the queries'
points; they may be refined by every layer, and start from what the encoder finds (two stages).

Paper: https://arxiv.org/abs/2010.04159
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Size
from ...core.plugins import lazy
from ...modeling.detector_config import DetectorConfig


class DeformableDetrConfig(DetectorConfig):
    """Hyperparameters: see `DetectorConfig`.

    `num_feature_levels` are the maps that are looked at: those of the backbone, then smaller ones made of its last.
    `encoder_n_points` and `decoder_n_points` are the places in each map that a head looks at. With `with_box_refine` every
    layer moves the boxes that the next looks at; with `two_stage`, which needs that, the `two_stage_num_proposals` likeliest
    places of the encoder are the queries, in place of `num_queries` learned ones. `focal_alpha` is the balance of the loss of
    classes. With `tie_word_embeddings` all layers have the same heads, but for boxes that are refined. `eos_coefficient`,
    `max_position_embeddings`, `return_intermediate` and `disable_custom_kernels` are kept for files; nothing is computed by
    them, as in the published library.
    """

    model_type: ClassVar[str] = "deformable_detr"
    attribute_map: ClassVar[dict[str, str]] = {"hidden_size": "d_model", "num_attention_heads": "encoder_attention_heads"}
    internal_map: ClassVar[dict[str, str]] = {"num_hidden_layers": "encoder_layers"}

    num_queries: Size = 300
    max_position_embeddings: Size = 1024
    encoder_ffn_dim: Size = 1024
    decoder_ffn_dim: Size = 1024
    return_intermediate: bool = True
    num_feature_levels: Size = 4
    encoder_n_points: Size = 4
    decoder_n_points: Size = 4
    two_stage: bool = False
    two_stage_num_proposals: Size = 300
    with_box_refine: bool = False
    eos_coefficient: Amount = 0.1
    focal_alpha: Amount = 0.25
    disable_custom_kernels: bool = False
    tie_word_embeddings: bool = True

    @property
    def backbone_stages(self) -> tuple[str, ...]:  # type: ignore[override]  # which they are depends on another field
        """The stages whose maps the usual backbone gives."""
        return ("stage2", "stage3", "stage4") if self.num_feature_levels > 1 else ("stage4",)

    def validate(self) -> None:
        super().validate()
        if self.two_stage and not self.with_box_refine:
            raise ConfigError("DeformableDetrConfig: two_stage=True needs with_box_refine=True")
        maps = len(self.backbone_config.out_features)
        if self.d_model % 32 or self.num_feature_levels < maps:
            raise ConfigError(
                f"DeformableDetrConfig: d_model ({self.d_model}) must be a multiple of 32, and num_feature_levels"
                f" ({self.num_feature_levels}) not below the {maps} maps of the backbone"
            )


TASKS = {"base": "DeformableDetrModel", "object-detection": "DeformableDetrForObjectDetection"}

PREPROCESSORS = {"image_processor": "DeformableDetrImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["DeformableDetrPreTrainedModel", *TASKS.values()],
        "image_processor": [
            "DeformableDetrImageProcessor",
            "DeformableDetrImageProcessorFast",
            "DeformableDetrImageProcessorPil",
            "DeformableDetrFeatureExtractor",
        ],
    },
)
