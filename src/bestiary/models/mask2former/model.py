"""The modules of Mask2Former. Parameter names are the published ones."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import ModelOutput, Tensors
from ...modeling.backbone import read_as_backbone
from ...modeling.base import PreTrainedModel
from ...modeling.mask_set import MAPS, PixelLevel, PredictionHead
from ...modeling.masked_decoder import LayerSizes, MaskedDecoderLayer, Memory, places_to_see
from ...modeling.pixel_decoder import (
    DECODED_MAPS,
    PixelDecoder,
    PixelEncoder,
    PixelEncoderLayer,
    PixelSizes,
    plane_positions,
)
from ...modeling.recording import Stack
from ...nn.deformable_attention import DeformableAttention
from ...nn.init import Starting, spread_evenly, start_usually
from ...nn.mask_losses import MaskCriterion, Points, PredictedMasks
from ...nn.query_attention import QueryAttention
from . import Mask2FormerConfig


@dataclass
class Mask2FormerModelOutput(ModelOutput):
    """The last map (B, C, y, x) of the backbone, the vectors of places (B, P, Y/4, X/4), the states (B, Q, D) of queries.

    `masks_queries_logits` (B, Q, Y/4, X/4) are those of the queries before the layers and behind each. Recorded states of
    queries are (Q, B, D); `transformer_decoder_intermediate_states`, recorded with them, are those behind the norm, which
    `normed` always holds.
    """

    normed: ClassVar[Tensors] = ()  # no field: published models give it where states are recorded
    encoder_last_hidden_state: Tensor | None = None
    pixel_decoder_last_hidden_state: Tensor | None = None
    transformer_decoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    pixel_decoder_hidden_states: Tensors | None = None
    transformer_decoder_hidden_states: Tensors | None = None
    transformer_decoder_intermediate_states: Tensors | None = None
    masks_queries_logits: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class Mask2FormerForUniversalSegmentationOutput(ModelOutput):
    """`class_queries_logits` (B, Q, N+1), the last class being "nothing"; `masks_queries_logits` (B, Q, Y/4, X/4).

    `auxiliary_logits` are the same before the layers and behind each but the last; the other fields are those of
    `Mask2FormerModelOutput`.
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
    attentions: Tensors | None = None


class Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention(DeformableAttention):
    """Attention to a few places of every map."""


class Mask2FormerPixelDecoderEncoderLayer(PixelEncoderLayer):
    """norm(x + attention to a few places of all maps), then norm(x + mlp(x))."""

    attention_class = Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention


class Mask2FormerPixelDecoderEncoderOnly(PixelEncoder):
    """The stack of layers over the places of three maps."""

    layer_class = Mask2FormerPixelDecoderEncoderLayer


class Mask2FormerPixelDecoder(PixelDecoder):
    """The backbone's maps to three that queries look at, and to the vectors of places."""

    encoder_class = Mask2FormerPixelDecoderEncoderOnly

    def __init__(self, config: Mask2FormerConfig, channels: list[int]) -> None:
        finest = min(config.feature_strides[-self.looked_at :])
        sizes = PixelSizes(
            config.feature_size,
            config.encoder_feedforward_dim,
            config.mask_feature_size,
            config.num_attention_heads,
            config.encoder_layers,
            config.dropout,
            int(math.log2(finest) - math.log2(config.common_stride)),
        )
        super().__init__(channels, sizes)


class Mask2FormerPixelLevelModule(PixelLevel):
    """Backbone and decoder of its maps."""

    def __init__(self, config: Mask2FormerConfig) -> None:
        super().__init__(config.backbone_config, lambda channels: Mask2FormerPixelDecoder(config, channels))


class Mask2FormerAttention(QueryAttention):
    """Queries look at one another."""


class Mask2FormerMaskedAttentionDecoderLayer(MaskedDecoderLayer):
    """Attention to a map, among the queries, and an MLP."""

    attention_class = Mask2FormerAttention


class Mask2FormerMLPPredictionHead(PredictionHead):
    """Dense layers with ReLU between them."""


class Mask2FormerMaskPredictor(nn.Module):
    """Where in the image each query is."""

    def __init__(self, size: int, places: int, heads: int) -> None:
        super().__init__()
        self.hidden_size, self.num_heads = size, heads
        self.mask_embedder = Mask2FormerMLPPredictionHead([size, size, size, places], None)

    def forward(self, states: Tensor, places: Tensor) -> Tensor:
        """States (B, Q, D) and vectors of places (B, P, Y, X) -> logits (B, Q, Y, X)."""
        return torch.einsum("bqd,bdyx->bqyx", self.mask_embedder(states), places)


class Mask2FormerMaskedAttentionDecoder(nn.Module):
    """The layers over the queries; each looks at another map, from coarse to fine, and again."""

    def __init__(self, config: Mask2FormerConfig) -> None:
        super().__init__()
        size = config.hidden_dim
        sizes = LayerSizes(
            size,
            config.dim_feedforward,
            config.num_attention_heads,
            config.dropout,
            config.activation_function,
            config.pre_norm,
        )
        self.dropout = config.dropout
        self.layers = nn.ModuleList(Mask2FormerMaskedAttentionDecoderLayer(sizes) for _ in range(config.decoder_layers - 1))
        self.layernorm = nn.LayerNorm(size)
        self.mask_predictor = Mask2FormerMaskPredictor(size, config.mask_feature_size, config.num_attention_heads)

    def forward(
        self, x: Tensor, positions: Tensor, memories: list[Memory], places: Tensor
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Queries (B, Q, D) -> their last states, and those behind the norm and masks, before the layers and behind each."""
        states = [self.layernorm(x)]
        masks = [self.mask_predictor(states[0], places)]
        for number, layer in enumerate(self.layers):
            memory = memories[number % len(memories)]
            x = layer(x, places_to_see(masks[-1], memory.size), positions=positions, memory=memory)
            states.append(self.layernorm(x))
            masks.append(self.mask_predictor(states[-1], places))
        return x, states, masks


class Mask2FormerTransformerModule(Starting):
    """The queries look at maps of three sizes."""

    def __init__(self, config: Mask2FormerConfig) -> None:
        super().__init__()
        size, inner, maps = config.hidden_dim, config.feature_size, Mask2FormerPixelDecoder.looked_at
        self.queries_embedder = nn.Embedding(config.num_queries, size)
        self.queries_features = nn.Embedding(config.num_queries, size)
        projected = inner != size or config.enforce_input_projection
        self.input_projections = nn.ModuleList(nn.Conv2d(inner, size, 1) if projected else nn.Sequential() for _ in range(maps))
        self.decoder = Mask2FormerMaskedAttentionDecoder(config)
        self.level_embed = nn.Embedding(maps, size)
        spread = {"input_projections": self.input_projections, "decoder.layers": self.decoder.layers}
        self.starts = {
            f"{path}.{name}": rule
            for path, part in spread.items()
            for name, rule in spread_evenly(part, config.init_xavier_std).items()
        }

    def forward(self, maps: list[Tensor], places: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Maps (B, C, y, x) from coarse to fine, vectors of places (B, P, Y, X) -> what the decoder gives."""
        memories = []
        levels = self.level_embed(torch.arange(len(maps), device=places.device))
        for project, feature, level in zip(self.input_projections, maps, levels, strict=True):
            values = project(feature).flatten(2).transpose(1, 2) + level
            grid = plane_positions(feature.new_empty((1, len(level), *feature.shape[2:])))
            memories.append(Memory(values, values + grid, (feature.shape[2], feature.shape[3])))
        numbers = torch.arange(self.queries_embedder.num_embeddings, device=places.device)
        positions, queries = (
            each(numbers).expand(len(places), -1, -1) for each in (self.queries_embedder, self.queries_features)
        )
        output: tuple[Tensor, list[Tensor], list[Tensor]] = self.decoder(queries, positions, memories, places)
        return output


class Mask2FormerPreTrainedModel(PreTrainedModel):
    """What both classes share."""

    config_class = Mask2FormerConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    kind_starts = {
        nn.Embedding: lambda part, config: start_usually(part, 1.0),
        **dict.fromkeys((nn.Linear, nn.Conv2d), lambda part, config: start_usually(part, config.init_std)),
    }
    _no_split_modules = ["Mask2FormerPixelDecoderEncoderLayer", "Mask2FormerMaskedAttentionDecoderLayer"]
    stacks = {
        **MAPS,
        **DECODED_MAPS,
        "transformer_decoder_": Stack("transformer_module.decoder.layers", unseen=("cross_attn",)),
    }
    config: Mask2FormerConfig

    def _arrange_recorded(self, output: Any) -> None:
        states = output.get("transformer_decoder_hidden_states")
        if states is not None:
            output.transformer_decoder_hidden_states = tuple(each.transpose(0, 1) for each in states)
        output.attentions = output.__dict__.pop("transformer_decoder_attentions", None)


class Mask2FormerModel(Mask2FormerPreTrainedModel):
    """Backbone, decoder of its maps and queries, without a head for classes."""

    def __init__(self, config: Mask2FormerConfig) -> None:
        super().__init__(config)
        self.pixel_level_module = Mask2FormerPixelLevelModule(config)
        self.transformer_module = Mask2FormerTransformerModule(config)
        read_as_backbone(self, "pixel_level_module.encoder")

    def get_input_embeddings(self) -> nn.Module:
        return self.pixel_level_module.encoder.get_input_embeddings()

    def forward(self, pixel_values: Tensor | None = None, pixel_mask: Tensor | None = None) -> Mask2FormerModelOutput:
        """Args:
        pixel_values: (B, C, Y, X). pixel_mask: (B, Y, X), as processors give it; the published model does not look at it, and
            takes padding for a part of the image.
        """
        last, (places, maps) = self.pixel_level_module(pixel_values)
        queries, states, masks = self.transformer_module(maps, places)
        output = Mask2FormerModelOutput(
            encoder_last_hidden_state=last,
            pixel_decoder_last_hidden_state=places,
            transformer_decoder_last_hidden_state=queries,
            masks_queries_logits=tuple(masks),
        )
        output.__dict__["normed"] = tuple(states)
        return output

    def _arrange_recorded(self, output: Any) -> None:
        super()._arrange_recorded(output)
        if output.transformer_decoder_hidden_states is not None:
            output.transformer_decoder_intermediate_states = tuple(each.transpose(0, 1) for each in output.normed)


class Mask2FormerForUniversalSegmentation(Mask2FormerPreTrainedModel):
    """Mask2Former that gives each query a class and a mask."""

    def __init__(self, config: Mask2FormerConfig) -> None:
        super().__init__(config)
        self.model = Mask2FormerModel(config)
        self.class_predictor = nn.Linear(config.hidden_dim, config.num_labels + 1)
        self.criterion = MaskCriterion(
            config.num_labels,
            config.no_object_weight,
            config.class_weight,
            config.mask_weight,
            config.dice_weight,
            Points(config.train_num_points, config.oversample_ratio, config.importance_sample_ratio),
        )
        read_as_backbone(self, "model.pixel_level_module.encoder")

    def forward(
        self,
        pixel_values: Tensor | None = None,
        mask_labels: Any = None,
        class_labels: Any = None,
        pixel_mask: Tensor | None = None,
        output_auxiliary_logits: bool | None = None,
    ) -> Mask2FormerForUniversalSegmentationOutput:
        """Args:
        pixel_values: (B, C, Y, X). pixel_mask: see `Mask2FormerModel`.
        mask_labels: of each image masks (M, Y, X) of 0 and 1. class_labels: of each image their classes (M,).
        output_auxiliary_logits: also give what is predicted before the layers and behind each but the last; None does what
            the config says.
        """
        seen = self.model(pixel_values, return_dict=True)
        *earlier, last = (
            PredictedMasks(self.class_predictor(state), mask)
            for state, mask in zip(seen.normed, seen.masks_queries_logits or (), strict=True)
        )
        loss = None
        if mask_labels is not None and class_labels is not None:
            loss, _ = self.criterion(last, earlier, mask_labels, class_labels)
        wanted = self.config.output_auxiliary_logits if output_auxiliary_logits is None else output_auxiliary_logits
        auxiliary = [{"masks_queries_logits": each.masks, "class_queries_logits": each.classes} for each in earlier]
        return Mask2FormerForUniversalSegmentationOutput(
            loss=loss,
            class_queries_logits=last.classes,
            masks_queries_logits=last.masks,
            auxiliary_logits=auxiliary if wanted else None,
            encoder_last_hidden_state=seen.encoder_last_hidden_state,
            pixel_decoder_last_hidden_state=seen.pixel_decoder_last_hidden_state,
            transformer_decoder_last_hidden_state=seen.transformer_decoder_last_hidden_state,
        )
