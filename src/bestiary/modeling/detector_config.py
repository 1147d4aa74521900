"""The hyperparameters of DETR and its relatives. Needs no torch."""

from typing import Any, ClassVar

from ..core.errors import ConfigError
from ..core.kinds import Amount, Depth, Rate, Size
from .backbone_config import BackboneConfig, read_backbone
from .config import PreTrainedConfig
from .families import family

# Where the config of the backbone stood in older files, which named a model of the package timm.
_OLDER = ("backbone", "use_timm_backbone", "use_pretrained_backbone", "backbone_kwargs")


class DetectorConfig(PreTrainedConfig):
    """Base of the configs of DETR and its relatives; the defaults are those of DETR with ResNet-50.

    `backbone_config` is the config of any backbone here, or what a file holds of it. A ResNet of the package timm, which
    published files name, becomes the ResNet of this library. `auxiliary_loss` trains each decoder layer on the objects.
    `position_embedding_type` is "sine" or "learned". What ends in `_cost` weighs by what predicted objects are matched to
    real ones, what ends in `_coefficient` the losses of those matched.

    Class attributes:
        backbone_stages: the stages whose maps the usual backbone gives.
    """

    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }
    backbone_stages: ClassVar[tuple[str, ...]] = ("stage1", "stage2", "stage3", "stage4")

    is_encoder_decoder: bool = True
    backbone_config: Any = None
    num_channels: Size = 3
    num_queries: Size = 100
    encoder_layers: Depth = 6
    encoder_ffn_dim: Size = 2048
    encoder_attention_heads: Size = 8
    decoder_layers: Depth = 6
    decoder_ffn_dim: Size = 2048
    decoder_attention_heads: Size = 8
    encoder_layerdrop: Rate = 0.0
    activation_function: str = "relu"
    d_model: Size = 256
    dropout: Rate = 0.1
    attention_dropout: Rate = 0.0
    activation_dropout: Rate = 0.0
    init_std: Amount = 0.02
    init_xavier_std: Amount = 1.0
    auxiliary_loss: bool = False
    position_embedding_type: str = "sine"
    dilation: bool = False
    class_cost: Amount = 1
    bbox_cost: Amount = 5
    giou_cost: Amount = 2
    mask_loss_coefficient: Amount = 1
    dice_loss_coefficient: Amount = 1
    bbox_loss_coefficient: Amount = 5
    giou_loss_coefficient: Amount = 2

    def validate(self) -> None:
        older = {name: self.__dict__.pop(name, None) for name in _OLDER}
        super().validate()
        self.divides("d_model", "encoder_attention_heads")
        self.divides("d_model", "decoder_attention_heads")
        if self.position_embedding_type not in ("sine", "learned"):
            raise ConfigError(
                f"{type(self).__name__}: position_embedding_type is {self.position_embedding_type!r}; expected sine or learned"
            )
        self.backbone_config = self._backbone(older)

    def _backbone(self, older: dict[str, Any]) -> BackboneConfig:
        value, name = self.backbone_config, type(self).__name__
        if isinstance(value, dict) and value.get("model_type") == "timm_backbone":
            older, value = {**value, "use_timm_backbone": True}, None
        if self.dilation or older.get("output_stride") is not None:
            raise ConfigError(
                f"{name}: this is a DC5 model (dilation=True), whose backbone keeps the size of the image in its last stage;"
                " no backbone here does so"
            )
        if value is not None:
            return read_backbone(name, value)
        if older["use_timm_backbone"] is False and older["backbone"] is not None:
            raise ConfigError(
                f"{name}: the backbone is another checkpoint, {older['backbone']!r}, which is not opened from here; give"
                " its config as backbone_config"
            )
        if older["use_timm_backbone"] is False:
            return read_backbone(name, {"model_type": "resnet", "out_features": list(self.backbone_stages)})
        stages = list(self.backbone_stages)
        config: BackboneConfig = family("resnet").timm_config(
            older["backbone"] or "resnet50", num_channels=self.num_channels, out_features=stages
        )
        return config
