"""The modules of MaskFormer. Parameter names are those of published files."""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.outputs import ModelOutput, Tensors
from ...modeling.backbone import read_as_backbone
from ...modeling.backbone_config import BackboneConfig
from ...modeling.base import PreTrainedModel
from ...modeling.detector import DetectorDecoder, DetectorDecoderLayer
from ...modeling.mask_set import MAPS, PixelLevel, PredictionHead
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.grid_positions import sine_positions
from ...nn.init import Starting, spread_evenly, start_usually
from ...nn.layer import skipped
from ...nn.mask_losses import MaskCriterion, PredictedMasks
from ...nn.masks import make_mask
from . import MaskFormerConfig, MaskFormerDetrConfig, MaskFormerSwinConfig


@dataclass
class MaskFormerModelOutput(ModelOutput):
    """The last map (B, C, y, x) of the backbone, the vectors of places (B, D, Y/4, X/4), the states (B, Q, D) of queries.

    `hidden_states` are those of backbone, feature pyramid and decoder, one behind the other.
    """

    encoder_last_hidden_state: Tensor | None = None
    pixel_decoder_last_hidden_state: Tensor | None = None
    transformer_decoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    pixel_decoder_hidden_states: Tensors | None = None
    transformer_decoder_hidden_states: Tensors | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class MaskFormerForInstanceSegmentationOutput(ModelOutput):
    """`class_queries_logits` (B, Q, N+1), the last class being "nothing"; `masks_queries_logits` (B, Q, Y/4, X/4).

    `auxiliary_logits` are the same of the layers before the last; the other fields are those of `MaskFormerModelOutput`.
    """

    loss: Tensor | None = None
    class_queries_logits: Tensor | None = None
    masks_queries_logits: Tensor | None = None
    auxiliary_logits: list[dict[str, Tensor]] | None = None
    encoder_last_hidden_state: Tensor | None = None
    pixel_decoder_last_hidden_state: Tensor | None = None
    transformer_decoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    pixel_decoder_hidden_states: Tensors | None = None
    transformer_decoder_hidden_states: Tensors | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class MaskFormerFPNConvLayer(nn.Sequential):
    """relu(norm(convolution)) of 3 x 3."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__(nn.Conv2d(inner, outer, 3, padding=1, bias=False), nn.GroupNorm(32, outer), nn.ReLU())


class MaskFormerFPNLayer(nn.Module):
    """A coarse map enlarged to a finer one, added to it, and a convolution."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.Conv2d(width, size, 1, bias=False), nn.GroupNorm(32, size))
        self.block = MaskFormerFPNConvLayer(size, size)

    def forward(self, down: Tensor, left: Tensor) -> Tensor:
        """The coarse map (B, D, y, x) and the finer one (B, C, Y, X) -> (B, D, Y, X)."""
        output: Tensor = self.block(F.interpolate(down, size=left.shape[-2:], mode="nearest") + self.proj(left))
        return output


class MaskFormerFPNModel(Starting):
    """A feature pyramid over maps of these `channels`, from fine to coarse."""

    def __init__(self, channels: list[int], size: int, gain: float) -> None:
        super().__init__()
        self.stem = MaskFormerFPNConvLayer(channels[-1], size)
        self.layers = nn.ModuleList(MaskFormerFPNLayer(size, width) for width in reversed(channels[:-1]))
        self.starts = spread_evenly(self, gain)

    def forward(self, features: Any) -> list[Tensor]:
        """Maps (B, C, y, x) -> (B, D, y, x), of all but the coarsest, from coarse to fine."""
        maps = [self.stem(features[-1])]
        for layer, left in zip(self.layers, reversed(features[:-1]), strict=True):
            maps.append(layer(maps[-1], left))
        return maps[1:] or maps


class MaskFormerPixelDecoder(nn.Module):
    """The feature pyramid, whose finest map becomes the vectors of places."""

    def __init__(self, config: MaskFormerConfig, channels: list[int]) -> None:
        super().__init__()
        self.fpn = MaskFormerFPNModel(channels, config.fpn_feature_size, config.init_xavier_std)
        self.mask_projection = nn.Conv2d(config.fpn_feature_size, config.mask_feature_size, 3, padding=1)

    def forward(self, features: Any) -> Tensor:
        """Maps of the backbone -> (B, D, Y/4, X/4)."""
        output: Tensor = self.mask_projection(self.fpn(features)[-1])
        return output


class MaskFormerPixelLevelModule(PixelLevel):
    """Backbone and feature pyramid."""

    def __init__(self, config: MaskFormerConfig) -> None:
        super().__init__(own_backbone(config.backbone_config), lambda channels: MaskFormerPixelDecoder(config, channels))


def own_backbone(config: BackboneConfig) -> BackboneConfig:
    """The config of the backbone that is built: Swin is MaskFormer's own, and gives the maps of all stages."""
    if config.model_type != "swin":
        return config
    known = {field.name for field in fields(MaskFormerSwinConfig)} - {"stage_names", "out_indices", "out_features"}
    values = {name: value for name, value in config.to_dict().items() if name in known}
    return MaskFormerSwinConfig.from_dict({**values, "out_features": (config.stage_names or [])[1:]})


class MaskFormerDetrDecoderLayer(DetectorDecoderLayer):
    """DETR's layer."""

    hidden_size = Alias("fc1.in_features")


class MaskFormerDetrDecoder(DetectorDecoder):
    """DETR's decoder, which gives what every layer makes of the queries."""

    layer_class = MaskFormerDetrDecoderLayer

    def forward(self, x: Tensor, mask: Any, **others: Any) -> Any:
        """States (B, Q, D) -> them, those behind each layer but the last, and those behind the norm."""
        states = [x]
        for layer in self.layers:
            if not skipped(self.layerdrop, self.training):
                states.append(layer(states[-1], mask, **others))
        return [*states[:-1], self.layernorm(states[-1])]


class MaskFormerTransformerModule(Starting):
    """The queries look at the places of the backbone's last map."""

    def __init__(self, inner: int, config: MaskFormerConfig) -> None:
        super().__init__()
        decoder = config.decoder_config
        self.queries_embedder = nn.Embedding(decoder.num_queries, decoder.d_model)
        self.input_projection = nn.Identity() if inner == decoder.d_model else nn.Conv2d(inner, decoder.d_model, 1)
        self.decoder = MaskFormerDetrDecoder(decoder)
        inner_rules = spread_evenly(self.input_projection, config.init_xavier_std)
        self.starts = {f"input_projection.{name}": rule for name, rule in inner_rules.items()}

    def forward(self, image_features: Tensor) -> list[Tensor]:
        """The map (B, C, y, x) -> the states (B, Q, D) of queries, from the first to the last."""
        features = self.input_projection(image_features)
        memory = features.flatten(2).transpose(1, 2)
        real = torch.ones((1, *features.shape[2:]), dtype=torch.bool, device=features.device)
        positions = sine_positions(real, features.shape[1]).flatten(1, 2).to(memory.dtype)
        count = self.queries_embedder.num_embeddings
        queries = self.queries_embedder(torch.arange(count, device=memory.device)).expand(len(features), -1, -1)
        mask = make_mask(count, memory.device, None, causal=False)
        states: list[Tensor] = self.decoder(
            torch.zeros_like(queries),
            mask,
            positions=queries,
            memory=memory,
            memory_keys=memory + positions,
            memory_mask=make_mask(count, memory.device, None, causal=False, keys=memory.shape[1]),
        )
        return states


class MaskFormerPreTrainedModel(PreTrainedModel):
    """What MaskFormer's classes share."""

    config_class = MaskFormerConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    kind_starts = dict.fromkeys((nn.Linear, nn.Conv2d, nn.Embedding), lambda part, config: start_usually(part, config.init_std))
    _no_split_modules = ["MaskFormerDetrDecoderLayer"]
    stacks = {
        **MAPS,
        "pixel_decoder_": Stack(
            "pixel_level_module.decoder.fpn.layers",
            states=("pixel_level_module.decoder.fpn.layers",),
        ),
        "transformer_decoder_": Stack("transformer_module.decoder.layers", "transformer_module.decoder.layernorm"),
    }
    config: MaskFormerConfig

    def _arrange_recorded(self, output: Any) -> None:
        parts = [output.get(f"{name}hidden_states") for name in self.stacks]
        if None not in parts:
            output.hidden_states = sum(parts, ())
        output.attentions = output.__dict__.pop("transformer_decoder_attentions", None)


class MaskFormerDetrPreTrainedModel(PreTrainedModel):
    """What models of the decoder alone would share."""

    config_class = MaskFormerDetrConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"


class Seen(NamedTuple):
    """What the model makes of images: the backbone's last map, the vectors of places, the states of queries by layer."""

    last_map: Tensor
    places: Tensor
    states: list[Tensor]


class MaskFormerModel(MaskFormerPreTrainedModel):
    """Backbone, feature pyramid and decoder without a head."""

    def __init__(self, config: MaskFormerConfig) -> None:
        super().__init__(config)
        self.pixel_level_module = MaskFormerPixelLevelModule(config)
        self.transformer_module = MaskFormerTransformerModule(self.pixel_level_module.encoder.channels[-1], config)
        read_as_backbone(self, "pixel_level_module.encoder")

    def get_input_embeddings(self) -> nn.Module:
        return self.pixel_level_module.encoder.get_input_embeddings()

    def see(self, pixel_values: Tensor | None) -> Seen:
        """Images (B, C, Y, X) through all of the model."""
        last, places = self.pixel_level_module(pixel_values)
        return Seen(last, places, self.transformer_module(last))

    def forward(self, pixel_values: Tensor | None = None, pixel_mask: Tensor | None = None) -> MaskFormerModelOutput:
        """Args:
        pixel_values: (B, C, Y, X). pixel_mask: (B, Y, X), as processors give it; the published model does not look at it, and
            takes padding for a part of the image.
        """
        seen = self.see(pixel_values)
        return MaskFormerModelOutput(seen.last_map, seen.places, seen.states[-1])


class MaskformerMLPPredictionHead(PredictionHead):
    """Dense layers with ReLU between them."""


class MaskFormerForInstanceSegmentation(MaskFormerPreTrainedModel):
    """MaskFormer that gives each query a class and a mask."""

    def __init__(self, config: MaskFormerConfig) -> None:
        super().__init__(config)
        self.model = MaskFormerModel(config)
        size = config.decoder_config.d_model
        self.class_predictor = nn.Linear(size, config.num_labels + 1)
        sizes = [size, size, size, config.mask_feature_size]
        self.mask_embedder = MaskformerMLPPredictionHead(sizes, config.init_xavier_std)
        self.criterion = MaskCriterion(
            config.num_labels,
            config.no_object_weight,
            config.cross_entropy_weight,
            config.mask_weight,
            config.dice_weight,
            None,
        )
        read_as_backbone(self, "model.pixel_level_module.encoder")

    def predict(self, states: Tensor, places: Tensor) -> PredictedMasks:
        """States (B, Q, D) and vectors of places (B, D, y, x) -> logits of classes and masks."""
        return PredictedMasks(self.class_predictor(states), torch.einsum("bqd,bdyx->bqyx", self.mask_embedder(states), places))

    def forward(
        self,
        pixel_values: Tensor | None = None,
        mask_labels: Any = None,
        class_labels: Any = None,
        pixel_mask: Tensor | None = None,
        output_auxiliary_logits: bool | None = None,
    ) -> MaskFormerForInstanceSegmentationOutput:
        """Args:
        pixel_values: (B, C, Y, X). pixel_mask: see `MaskFormerModel`.
        mask_labels: of each image masks (M, Y, X) of 0 and 1. class_labels: of each image their classes (M,).
        output_auxiliary_logits: also give what the layers before the last predict; None does what the config says.
        """
        seen = self.model.see(pixel_values)
        last = self.predict(seen.states[-1], seen.places)
        wanted = self.config.output_auxiliary_logits if output_auxiliary_logits is None else output_auxiliary_logits
        earlier = []
        if self.config.use_auxiliary_loss or wanted:
            earlier = [self.predict(state, seen.places) for state in seen.states[:-1]]
        loss = None
        if mask_labels is not None and class_labels is not None:
            loss, _ = self.criterion(last, earlier if self.config.use_auxiliary_loss else (), mask_labels, class_labels)
        auxiliary = [{"masks_queries_logits": each.masks, "class_queries_logits": each.classes} for each in earlier]
        return MaskFormerForInstanceSegmentationOutput(
            loss=loss,
            class_queries_logits=last.classes,
            masks_queries_logits=last.masks,
            auxiliary_logits=auxiliary if wanted else None,
            encoder_last_hidden_state=seen.last_map,
            pixel_decoder_last_hidden_state=seen.places,
            transformer_decoder_last_hidden_state=seen.states[-1],
        )
