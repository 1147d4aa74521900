"""The models of RT-DETR. Parameter names are the published ones."""

from torch import nn

from ...modeling.base import PreTrainedModel
from ...modeling.hybrid_encoder import CSPRepLayer, HybridEncoder, HybridEncoderLayer, MapAttention
from ...modeling.realtime_detector import RealtimeBackbone, RealtimeDetection, RealtimeDetector, start_detector_part
from ...modeling.realtime_detector_config import RealtimeDetectorConfig
from ...modeling.recording import Stack
from ...modeling.refining_decoder import RefiningDecoder, RefiningLayer
from ...nn.deformable_attention import DeformableAttention
from . import RTDetrConfig


class RTDetrConvEncoder(RealtimeBackbone):
    """The backbone."""


class RTDetrEncoderLayer(HybridEncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""


class RTDetrAIFILayer(MapAttention):
    """Layers of attention between the places of one map."""

    layer_class = RTDetrEncoderLayer


class RTDetrCSPRepLayer(CSPRepLayer):
    """Half of the channels pass through blocks, half do not."""


class RTDetrHybridEncoder(HybridEncoder):
    """Attention within maps, then a pyramid from the smallest to the largest and back."""

    attention_class = RTDetrAIFILayer
    block_class = RTDetrCSPRepLayer


class RTDetrMultiscaleDeformableAttention(DeformableAttention):
    """Attention to a few places of every map."""


class RTDetrDecoderLayer(RefiningLayer):
    """norm(x + attention(x)), norm(x + attention to places of the maps), then norm(x + mlp(x))."""

    deformable_class = RTDetrMultiscaleDeformableAttention


class RTDetrDecoder(RefiningDecoder):
    """The stack of layers over the queries."""

    layer_class = RTDetrDecoderLayer


class RTDetrPreTrainedModel(PreTrainedModel):
    """What all RT-DETR classes share."""

    config_class = RTDetrConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    stacks = {"encoder_": Stack("encoder.encoder", outputs=True), "decoder_": Stack("decoder.layers")}
    kind_starts = dict.fromkeys((nn.Linear, nn.Conv2d, nn.BatchNorm2d), start_detector_part)
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    _no_split_modules = ["RTDetrHybridEncoder", "RTDetrDecoderLayer"]
    # Older files name the heads of the decoder twice.
    _keys_to_ignore_on_load_unexpected = [r"^(class|bbox)_embed\."]
    config: RealtimeDetectorConfig


class RTDetrModel(RTDetrPreTrainedModel, RealtimeDetector):
    """Backbone, encoder and decoder without a head."""

    detector_backbone_class = RTDetrConvEncoder
    encoder_class = RTDetrHybridEncoder
    decoder_class = RTDetrDecoder
    config: RealtimeDetectorConfig


class RTDetrForObjectDetection(RealtimeDetection, RTDetrPreTrainedModel):
    """RT-DETR that names the objects in an image, with a box around each."""

    backbone_class = RTDetrModel
    loss_type = "RTDetrForObjectDetection"
    config: RealtimeDetectorConfig
