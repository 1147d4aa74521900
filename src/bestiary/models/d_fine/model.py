"""The models of D-FINE. Parameter names are the published ones."""

from ...modeling.base import PreTrainedModel
from ...modeling.distribution_config import DistributionDetectorConfig
from ...modeling.distribution_decoder import DistributionDecoder, GatedRefiningLayer
from ...modeling.elan_encoder import ElanEncoder
from ...modeling.realtime_detector import RealtimeBackbone, RealtimeDetection, RealtimeDetector
from ...modeling.recording import Stack
from . import DFineConfig


class DFineConvEncoder(RealtimeBackbone):
    """The backbone."""


class DFineHybridEncoder(ElanEncoder):
    """Attention within maps, then a pyramid from the smallest to the largest and back."""


class DFineDecoderLayer(GatedRefiningLayer):
    """norm(x + attention(x)), a gate of x and what is seen of the maps, then norm(x + mlp(x))."""


class DFineDecoder(DistributionDecoder):
    """The stack of layers over the queries."""

    layer_class = DFineDecoderLayer


class DFinePreTrainedModel(PreTrainedModel):
    """What all D-FINE classes share."""

    config_class = DFineConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    stacks = {"encoder_": Stack("encoder.encoder", outputs=True), "decoder_": Stack("decoder.layers")}
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    _no_split_modules = ["DFineHybridEncoder", "DFineDecoderLayer"]
    config: DistributionDetectorConfig


class DFineModel(DFinePreTrainedModel, RealtimeDetector):
    """Backbone, encoder and decoder without a head."""

    detector_backbone_class = DFineConvEncoder
    encoder_class = DFineHybridEncoder
    decoder_class = DFineDecoder
    keeps_widths = True
    last_parts = ("decoder_input_proj",)
    config: DistributionDetectorConfig


class DFineForObjectDetection(RealtimeDetection, DFinePreTrainedModel):
    """D-FINE that names the objects in an image, with a box around each."""

    backbone_class = DFineModel
    loss_type = "DFineForObjectDetection"
    names_heads_twice = True
    config: DistributionDetectorConfig
