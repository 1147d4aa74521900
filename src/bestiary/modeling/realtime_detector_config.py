"""The hyperparameters of RT-DETR and its relatives. Needs no torch."""

from collections.abc import Sequence
from typing import Any, ClassVar

from ..core.errors import ConfigError
from ..core.kinds import Amount, Count, Depth, Fraction, Positive, Rate, Size
from .backbone_config import take_backbone
from .config import PreTrainedConfig

# RT-DETR's own backbone, of which its relatives have what differs.
RESNET = {"model_type": "rt_detr_resnet", "out_features": ["stage2", "stage3", "stage4"]}


class HybridDetectorConfig(PreTrainedConfig):
    """Base of the configs of a backbone, a hybrid encoder and a decoder that refines boxes; the defaults are RT-DETR's.

    `backbone_config` is the config of any backbone here; with `freeze_backbone_batch_norms` its batch norms are constants. The
    encoder, of width `encoder_hidden_dim`, has `encoder_layers` layers of attention over each of the maps
    `encode_proj_layers`, and convolutions with `activation_function` over all; their blocks are `hidden_expansion` times as
    wide. The decoder, of width `d_model`, sees `num_feature_levels` maps (of the encoder's `decoder_in_channels`), in each of
    which a head looks at `decoder_n_points` places. Its `num_queries` queries start from the likeliest places, or with
    `learn_initial_query` from learned states at these. In training there are about `num_denoising` queries besides, made of the
    real objects, of which `label_noise_ratio` and `box_noise_scale` say how far (see `nn/denoising.py`).
    `initializer_bias_prior_prob` is the probability that every class starts with, by default one of them all and one more.

    With `eval_size` attention knows no positions but in training, as published. Nothing is computed by `feat_strides`,
    `anchor_image_size` and `encoder_in_channels`, but by how many these are; they are kept for files.

    Class attribute `usual_backbone`: the backbone of a config that says none.
    """

    attribute_map: ClassVar[dict[str, str]] = {"hidden_size": "d_model", "num_attention_heads": "encoder_attention_heads"}
    usual_backbone: ClassVar[dict[str, Any]] = RESNET

    is_encoder_decoder: bool = True
    initializer_range: Amount = 0.01
    initializer_bias_prior_prob: Fraction | None = None
    layer_norm_eps: Rate = 1e-5
    batch_norm_eps: Rate = 1e-5
    backbone_config: Any = None
    freeze_backbone_batch_norms: bool = True
    encoder_hidden_dim: Size = 256
    encoder_in_channels: Sequence[Size] = (512, 1024, 2048)
    feat_strides: Sequence[Size] = (8, 16, 32)
    encoder_layers: Depth = 1
    encoder_ffn_dim: Size = 1024
    encoder_attention_heads: Size = 8
    dropout: Rate = 0.0
    activation_dropout: Rate = 0.0
    encode_proj_layers: Sequence[Count] = (2,)
    positional_encoding_temperature: Positive = 10000
    encoder_activation_function: str = "gelu"
    activation_function: str = "silu"
    eval_size: Size | None = None
    normalize_before: bool = False
    hidden_expansion: Positive = 1.0
    d_model: Size = 256
    num_queries: Size = 300
    decoder_in_channels: Sequence[Size] = (256, 256, 256)
    decoder_ffn_dim: Size = 1024
    num_feature_levels: Size = 3
    decoder_n_points: Size | Sequence[Size] = 4
    decoder_layers: Depth = 6
    decoder_attention_heads: Size = 8
    decoder_activation_function: str = "relu"
    attention_dropout: Rate = 0.0
    num_denoising: Count = 100
    label_noise_ratio: Amount = 0.5
    box_noise_scale: Amount = 1.0
    learn_initial_query: bool = False
    anchor_image_size: Sequence[Size] | None = None

    def validate(self) -> None:
        take_backbone(self, self.usual_backbone)
        super().validate()
        name = type(self).__name__
        self.divides("encoder_hidden_dim", "encoder_attention_heads")
        self.divides("d_model", "decoder_attention_heads")
        for field in ("encoder_in_channels", "feat_strides", "encode_proj_layers", "decoder_in_channels"):
            setattr(self, field, list(self.get(field)))
        levels = len(self.encoder_in_channels)
        if not self.decoder_layers or len(self.backbone_config.out_features) != levels or not levels:
            raise ConfigError(
                f"{name}: expected a decoder layer or more, and as many encoder_in_channels as the backbone has maps; there are"
                f" {self.decoder_layers}, {levels} and {len(self.backbone_config.out_features)}"
            )
        if any(place >= levels for place in self.encode_proj_layers):
            raise ConfigError(f"{name}: encode_proj_layers {self.encode_proj_layers} name a map beyond the {levels} there are")
        further = self.num_feature_levels - levels
        if (
            not levels == len(self.decoder_in_channels)
            or further < 0
            or (further > 1 and self.decoder_in_channels[-1] != self.d_model)
        ):
            raise ConfigError(
                f"{name}: decoder_in_channels {self.decoder_in_channels} must be those of {levels} maps, and"
                f" num_feature_levels ({self.num_feature_levels}) not below their number; more than one more needs the last of"
                f" them to be d_model ({self.d_model})"
            )


class RealtimeDetectorConfig(HybridDetectorConfig):
    """The same with what its training weighs.

    Predicted objects are matched to real ones by costs (`matcher_class_cost`, ...), of classes with `use_focal_loss` by focal
    ones of `matcher_alpha` and `matcher_gamma`; `weight_loss_vfl`, `weight_loss_bbox` and `weight_loss_giou` weigh the losses
    of those matched, `focal_loss_alpha` and `focal_loss_gamma` those of classes that are not there. With `auxiliary_loss` all
    layers of the decoder are trained, the encoder's proposals and the queries made of real objects. `with_box_refine` and
    `eos_coefficient` are kept for files.
    """

    with_box_refine: bool = True
    matcher_alpha: Amount = 0.25
    matcher_gamma: Amount = 2.0
    matcher_class_cost: Amount = 2.0
    matcher_bbox_cost: Amount = 5.0
    matcher_giou_cost: Amount = 2.0
    use_focal_loss: bool = True
    auxiliary_loss: bool = True
    focal_loss_alpha: Amount = 0.75
    focal_loss_gamma: Amount = 2.0
    weight_loss_vfl: Amount = 1.0
    weight_loss_bbox: Amount = 5.0
    weight_loss_giou: Amount = 2.0
    eos_coefficient: Amount = 1e-4
