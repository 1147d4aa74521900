"""The modules of DETR. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import ModelOutput, Tensors
from ...loading.rules import rename
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.detector import (
    DetectorBackbone,
    DetectorDecoder,
    DetectorDecoderLayer,
    DetectorEncoder,
    DetectorEncoderLayer,
)
from ...modeling.detector_config import DetectorConfig
from ...modeling.heads.object_detection import BoxHead, ObjectDetection
from ...modeling.recording import Stack
from ...modeling.seq2seq import encoder_output
from ...nn.grid_positions import LearnedGridPositions, sine_positions
from ...nn.init import start_usually
from ...nn.inputs import check_states
from ...nn.masks import make_mask
from ...nn.part_order import put_last
from ..resnet.weights import timm_names
from . import DetrConfig


@dataclass
class DetrModelOutput(ModelOutput):
    """`last_hidden_state` (B, Q, D) of the queries; with `auxiliary_loss`, `intermediate_hidden_states` (L, B, Q, D)."""

    last_hidden_state: Tensor | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    intermediate_hidden_states: Tensor | None = None


@dataclass
class DetrObjectDetectionOutput(ModelOutput):
    """`logits` (B, Q, N+1), the last class being "no object"; `pred_boxes` (B, Q, 4), centers in 0..1 of the image.

    `loss_dict` holds the parts of `loss` by name, `auxiliary_outputs` the logits and boxes of the layers before the last.
    """

    loss: Tensor | None = None
    loss_dict: dict[str, Tensor] | None = None
    logits: Tensor | None = None
    pred_boxes: Tensor | None = None
    auxiliary_outputs: list[dict[str, Tensor]] | None = None
    last_hidden_state: Tensor | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None


class DetrConvEncoder(DetectorBackbone):
    """The backbone, its batch norms frozen; of its layers those behind the first go on learning (appendix A.4)."""


class DetrEncoderLayer(DetectorEncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""


class DetrDecoderLayer(DetectorDecoderLayer):
    """As in the encoder, with norm(x + attention to the encoder's states) between the halves."""


class DetrEncoder(DetectorEncoder):
    """The stack of layers over the places of a feature map."""

    layer_class = DetrEncoderLayer


class DetrDecoder(DetectorDecoder):
    """The stack of layers over the queries."""

    layer_class: ClassVar[type[DetectorDecoderLayer]] = DetrDecoderLayer


class DetrPreTrainedModel(PreTrainedModel):
    """What all DETR classes share."""

    config_class: ClassVar[type[PreTrainedConfig]] = DetrConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    stacks = {"encoder_": Stack("encoder.layers"), "decoder_": Stack("decoder.layers", "decoder.layernorm", outputs=True)}
    kind_starts = dict.fromkeys((nn.Linear, nn.Conv2d, nn.Embedding), lambda part, config: start_usually(part, config.init_std))
    _no_split_modules = ["DetrConvEncoder", "DetrEncoderLayer", "DetrDecoderLayer"]
    _weight_rules = (
        *timm_names("backbone.conv_encoder.model"),
        rename("backbone.position_embedding.{}.weight", "position_embedding.{}.weight", reverse=False),
    )
    _keys_to_ignore_on_load_unexpected = [r"\.num_batches_tracked$"]
    config: DetectorConfig


class DetrModel(DetrPreTrainedModel):
    """Backbone, encoder and decoder without a head.

    Class attributes: the classes of these three. `last_parts`: names of parts that stand behind the others. `output_class`:
    what forward gives.
    """

    backbone_class: ClassVar[type[DetectorBackbone]] = DetrConvEncoder
    encoder_class: ClassVar[type[DetectorEncoder]] = DetrEncoder
    decoder_class: ClassVar[type[DetectorDecoder]] = DetrDecoder
    last_parts: ClassVar[tuple[str, ...]] = ()
    output_class: ClassVar[type[DetrModelOutput]] = DetrModelOutput

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__(config)
        encoder = self.backbone_class(config)
        self.backbone = nn.ModuleDict({"conv_encoder": encoder})
        if config.position_embedding_type == "learned":
            self.position_embedding = LearnedGridPositions(config.d_model)
        self.query_position_embeddings = nn.Embedding(config.num_queries, config.d_model)
        self.input_projection = nn.Conv2d(encoder.model.channels[-1], config.d_model, kernel_size=1)
        self.encoder, self.decoder = self.encoder_class(config), self.decoder_class(config)
        put_last(self, *self.last_parts)

    def get_input_embeddings(self) -> nn.Module:
        return self.input_projection

    def feature_maps(self, pixels: Tensor | None, pixel_mask: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """The backbone's maps (B, C, y, x), each with its mask (B, y, x)."""
        maps: list[tuple[Tensor, Tensor]] = self.backbone["conv_encoder"](pixels, pixel_mask)
        return maps

    def positions(self, real: Tensor) -> Tensor:
        """Of places (B, y, x), True where real -> (B, y * x, D)."""
        if self.config.position_embedding_type == "learned":
            grid = self.position_embedding(real)
        else:
            grid = sine_positions(real, self.config.d_model)
        output: Tensor = grid.flatten(1, 2).to(self.input_projection.weight.dtype)
        return output

    def forward(
        self,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        decoder_inputs_embeds: Tensor | None = None,
        maps: list[tuple[Tensor, Tensor]] | None = None,
    ) -> DetrModelOutput:
        """Args:
        pixel_values: (B, C, Y, X). pixel_mask: (B, Y, X), 0 where the image was padded.
        decoder_attention_mask: (B, Q), 0 for queries to look away from. decoder_inputs_embeds: (B, Q, D), states that the
            queries start with; zeros otherwise.
        encoder_outputs: the encoder's output of an earlier call. maps: what `feature_maps` gave for these images.
        """
        feature, real = (self.feature_maps(pixel_values, pixel_mask) if maps is None else maps)[-1]
        batch, places, count = len(feature), real.flatten(1), self.config.num_queries
        positions = self.positions(real)
        if encoder_outputs is None:
            x = self.input_projection(feature).flatten(2).transpose(1, 2)
            mask = make_mask(places.shape[1], x.device, places, causal=False)
            encoder_outputs = self.encoder(x, mask, positions)
        encoded = encoder_output(encoder_outputs)
        memory: Any = encoded.last_hidden_state
        check_states(memory, "encoder_outputs", batch, self.config.d_model, "pixel_values", places.shape[1])
        if decoder_inputs_embeds is not None:
            name = "decoder_inputs_embeds"
            check_states(decoder_inputs_embeds, name, batch, self.config.d_model, "pixel_values", count)
        queries = self.query_position_embeddings(torch.arange(count, device=feature.device)).expand(batch, -1, -1)
        last, others = self.decoder(
            torch.zeros_like(queries) if decoder_inputs_embeds is None else decoder_inputs_embeds,
            make_mask(count, feature.device, decoder_attention_mask, causal=False, name="decoder_attention_mask"),
            positions=queries,
            memory=memory,
            memory_positions=positions,
            memory_mask=make_mask(count, feature.device, places, causal=False, keys=places.shape[1]),
        )
        states = {f"encoder_{name}": value for name, value in encoded.items()}
        output: DetrModelOutput = self.output_class(last, **states, **others)
        return output


class DetrMLPPredictionHead(BoxHead):
    """Dense layers with ReLU between them."""


class DetrForObjectDetection(ObjectDetection[DetrObjectDetectionOutput], DetrPreTrainedModel):
    """DETR that names the objects in an image, with a box around each."""

    backbone_class = DetrModel
    box_head_class = DetrMLPPredictionHead
    output_class = DetrObjectDetectionOutput
