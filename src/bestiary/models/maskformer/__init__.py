"""MaskFormer (Cheng et al. 2021, "Per-pixel classification is not all you need for semantic segmentation").

A feature pyramid over a backbone's maps gives a vector for each place; DETR's decoder over the last map gives a class and a
vector for each query. A query's mask is the product of its vector and those of the places.

Paper: https://arxiv.org/abs/2107.06278
"""

from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Rate, Size
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list, take_backbone
from ...modeling.config import PreTrainedConfig
from ...modeling.detector_config import DetectorConfig
from ...modeling.families import config_class
from ...modeling.window_config import WindowConfig


class MaskFormerSwinConfig(WindowConfig, BackboneConfig):
    """Swin as MaskFormer's backbone: see `WindowConfig`. The stem has no map."""

    model_type: ClassVar[str] = "maskformer-swin"

    def validate(self) -> None:
        self.stage_names = stage_list(len(self.depths) if isinstance(self.depths, list | tuple) else 0)
        super().validate()


class MaskFormerDetrConfig(DetectorConfig):
    """The decoder's hyperparameters, those of DETR: see `DetectorConfig`."""

    model_type: ClassVar[str] = "detr"

    decoder_layerdrop: Rate = 0.0
    eos_coefficient: Amount = 0.1


class MaskFormerConfig(PreTrainedConfig):
    """Hyperparameters.

    `backbone_config` is the config of any backbone here, by default Swin-B on images of 384; `decoder_config` that of DETR,
    whose decoder is used. `fpn_feature_size` is the width of the feature pyramid, a multiple of 32, `mask_feature_size` that of
    the vectors of places. `use_auxiliary_loss` trains each decoder layer, `output_auxiliary_logits` gives what these predict.
    `cross_entropy_weight`, `mask_weight` (of the focal loss) and `dice_weight` weigh the losses, `no_object_weight` the class
    "nothing" in the first.
    """

    model_type: ClassVar[str] = "maskformer"
    attribute_map: ClassVar[dict[str, str]] = {"hidden_size": "mask_feature_size"}

    fpn_feature_size: Size = 256
    mask_feature_size: Size = 256
    no_object_weight: Amount = 0.1
    use_auxiliary_loss: bool = False
    backbone_config: Any = None
    decoder_config: Any = None
    init_std: Amount = 0.02
    init_xavier_std: Amount = 1.0
    dice_weight: Amount = 1.0
    cross_entropy_weight: Amount = 1.0
    mask_weight: Amount = 20.0
    output_auxiliary_logits: bool | None = None
    num_attention_heads: Size | None = None
    num_hidden_layers: Size | None = None

    def validate(self) -> None:
        usual = {
            "image_size": 384,
            "embed_dim": 128,
            "depths": [2, 2, 18, 2],
            "num_heads": [4, 8, 16, 32],
            "window_size": 12,
            "drop_path_rate": 0.3,
            "out_features": ["stage1", "stage2", "stage3", "stage4"],
        }
        take_backbone(self, {"model_type": "swin", **usual})
        decoder = {} if self.decoder_config is None else self.decoder_config
        if isinstance(decoder, dict):
            kind = config_class(decoder.get("model_type", "detr"))
            decoder = kind.from_dict({name: value for name, value in decoder.items() if name != "model_type"})
        if not isinstance(decoder, DetectorConfig):
            raise ConfigError(f"MaskFormerConfig: decoder_config is a {type(decoder).__name__}; expected that of DETR")
        self.decoder_config = decoder
        self.num_attention_heads, self.num_hidden_layers = decoder.encoder_attention_heads, decoder.encoder_layers
        super().validate()
        if self.fpn_feature_size % 32:
            raise ConfigError(f"MaskFormerConfig: fpn_feature_size is {self.fpn_feature_size}; its norms need a multiple of 32")


TASKS = {
    "base": "MaskFormerModel",
    "instance-segmentation": "MaskFormerForInstanceSegmentation",
    "universal-segmentation": "MaskFormerForInstanceSegmentation",
}

PARTS = {"maskformer-swin": {"base": "MaskFormerSwinModel", "backbone": "MaskFormerSwinBackbone"}}

PREPROCESSORS = {"image_processor": "MaskFormerImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": [
            "MaskFormerPreTrainedModel",
            "MaskFormerDetrPreTrainedModel",
            "MaskFormerModel",
            "MaskFormerForInstanceSegmentation",
        ],
        "swin": ["MaskFormerSwinPreTrainedModel", "MaskFormerSwinModel", "MaskFormerSwinBackbone"],
        "image_processor": [
            "MaskFormerImageProcessor",
            "MaskFormerImageProcessorFast",
            "MaskFormerImageProcessorPil",
            "MaskFormerFeatureExtractor",
        ],
    },
)
